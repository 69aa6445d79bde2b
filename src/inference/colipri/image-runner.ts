/** Runs COLIPRI's image tower on prepared scans and brings the results back to the host. */
import { contiguous, type Volume } from '../../data/index.js'
import { noGrad, scope, type Tensor, tensor } from '../../engine/index.js'
import { cast } from '../../kernels/elementwise/index.js'
import { type Colipri, colipriGrid, windowStarts } from '../../models/index.js'
import { type DenseImage, patchAffine, preparedGrid } from '../dense-image.js'

/** What to compute. `backbone` features are those before the projector; `projected` ones can be compared with text. */
export interface WantedFeatures {
  readonly pooled: boolean
  readonly dense?: 'projected' | 'backbone' | undefined
  readonly signal?: AbortSignal | undefined
}

export interface ImageFeatures {
  /** `[projection]`, unit length. */
  readonly pooled?: Float32Array
  readonly dense?: DenseImage
}

type Window = readonly [number, number, number]

/** Tensors of one pass through the tower. */
interface Pass {
  readonly projected?: Tensor
  readonly dense?: Tensor
}

/** One pass for all scans, which must be of the size of the network's input. */
export async function encodeTogether(
  model: Colipri,
  volumes: readonly Volume[],
  { pooled, dense, signal }: WantedFeatures,
): Promise<ImageFeatures[]> {
  signal?.throwIfAborted()
  using input = upload(model, volumes)
  const pass = noGrad(() => runTower(model, input, { pooled, dense }))
  const vectors = pass.projected && noGrad(() => model.pool([pass.projected!]))
  const [vectorValues, denseValues] = await readAll([vectors, pass.dense])
  pass.projected?.dispose()
  return volumes.map((volume, n) => ({
    ...(vectorValues && { pooled: unit(part(vectorValues, n, volumes.length)) }),
    ...(denseValues && { dense: denseImage(model, volume, part(denseValues, n, volumes.length).slice()) }),
  }))
}

/** The tower window by window, everything behind the backbone over the tokens of all of them. */
export async function encodeInWindows(model: Colipri, volume: Volume, wanted: WantedFeatures): Promise<ImageFeatures> {
  const windowSize = colipriGrid(model.config).size
  const { patch } = model.config.image
  const projected: Tensor[] = []
  let features: DenseImage | undefined
  try {
    for (const origin of origins(volume.shape, windowSize)) {
      wanted.signal?.throwIfAborted()
      using input = upload(model, [cutWindow(volume, origin, windowSize)])
      const pass = noGrad(() => runTower(model, input, wanted))
      if (pass.projected) projected.push(pass.projected)
      const [values] = await readAll([pass.dense])
      if (values) {
        features ??= denseImage(
          model,
          volume,
          new Float32Array((values.length / count(windowSize)) * count(volume.shape)),
        )
        place(values, divided(windowSize, patch), features, divided(origin, patch))
      }
      // Bounds what is recorded ahead, and with it the memory, to one window.
      await model.device.sync()
    }
    const [pooled] = await readAll([wanted.pooled ? noGrad(() => model.pool(projected)) : undefined])
    return { ...(pooled && { pooled: unit(pooled) }), ...(features && { dense: features }) }
  } finally {
    for (const tokens of projected) tokens.dispose()
  }
}

function runTower(model: Colipri, input: Tensor, { pooled, dense }: WantedFeatures): Pass {
  return scope((): Pass => {
    const { tokens } = model.image.encode(input)
    if (!pooled && dense === 'backbone') return { dense: tokens }
    const projected = model.image.project(tokens)
    return {
      ...(pooled && { projected }),
      ...(dense && { dense: dense === 'backbone' ? tokens : model.dense(projected) }),
    }
  })
}

/** `[N, D, H, W, 1]` in the storage type of the model; halves are made on the device. */
function upload(model: Colipri, volumes: readonly Volume[]): Tensor {
  const size = count(volumes[0]!.shape)
  let data = volumes[0]!.data as Float32Array
  if (volumes.length > 1) {
    data = new Float32Array(volumes.length * size)
    for (const [n, volume] of volumes.entries()) data.set(volume.data, n * size)
  }
  const shape = [volumes.length, ...volumes[0]!.shape, 1]
  return scope(() => cast(tensor(model.device, data, shape), model.parameters.dtype))
}

/** Reads and disposes. */
async function readAll(tensors: readonly (Tensor | undefined)[]): Promise<(Float32Array | undefined)[]> {
  try {
    return await Promise.all(tensors.map(async (value) => (value ? ((await value.data()) as Float32Array) : undefined)))
  } finally {
    for (const value of tensors) value?.dispose()
  }
}

function denseImage(model: Colipri, volume: Volume, data: Float32Array): DenseImage {
  const { patch } = model.config.image
  const grid = divided(volume.shape, patch)
  return {
    data,
    shape: [...grid, data.length / count(grid)],
    affine: patchAffine(volume.affine, patch),
    prepared: preparedGrid(volume),
  }
}

/** First voxels of the windows, in sorted order. */
function origins(shape: Window, windowSize: Window): Window[] {
  const [i, j, k] = shape.map((extent, axis) => windowStarts(extent, windowSize[axis]!)) as [
    number[],
    number[],
    number[],
  ]
  return i.flatMap((a) => j.flatMap((b) => k.map((c) => [a, b, c] as const)))
}

function cutWindow(volume: Volume, origin: Window, size: Window): Volume {
  const offset = volume.offset + origin.reduce((sum, first, axis) => sum + first * volume.strides[axis]!, 0)
  return contiguous({ ...volume, shape: [...size], offset })
}

/** Puts the features of a window to its place in the whole grid; later windows win. */
function place(values: Float32Array, size: Window, { data, shape }: DenseImage, origin: Window): void {
  const [, height, width, features] = shape
  const run = size[2] * features
  for (let i = 0; i < size[0]; i++) {
    for (let j = 0; j < size[1]; j++) {
      const to = ((origin[0] + i) * height + origin[1] + j) * width + origin[2]
      data.set(values.subarray((i * size[1] + j) * run, (i * size[1] + j + 1) * run), to * features)
    }
  }
}

const count = (shape: Window): number => shape[0] * shape[1] * shape[2]

const divided = (shape: Window, by: Window) => shape.map((size, axis) => size / by[axis]!) as [number, number, number]

const part = (values: Float32Array, n: number, parts: number): Float32Array =>
  values.subarray((n * values.length) / parts, ((n + 1) * values.length) / parts)

/** Halves round lengths to three digits; what is handed out has length 1. */
export function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}
