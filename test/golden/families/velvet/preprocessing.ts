/** Preprocessing, augmentation and retrieval. */

import { greyOfColours } from '../../../../src/data/datasets/picture-slices.js'
import {
  type Affine,
  cropForeground,
  cutBox,
  foregroundBox,
  preprocess,
  reorient,
  resampleToSpacing,
  type Volume,
} from '../../../../src/data/index.js'
import { cOrderStrides, contiguous } from '../../../../src/data/volume.js'
import { scope, type Tensor, tensor } from '../../../../src/engine/index.js'
import { permute, reshape } from '../../../../src/kernels/layout/index.js'
import { resize3d } from '../../../../src/kernels/resize3d/index.js'
import { dropVoxels, turnSamples } from '../../../../src/models/velvet/augment.js'
import { candidateScores, exchanged } from '../../../../src/models/velvet/evaluation.js'
import { cosines } from '../../../../src/models/velvet/objectives.js'
import {
  globalView,
  halveStack,
  m3dPreprocessing,
  pickedSlices,
  velvetSegmentationPreprocessing,
} from '../../../../src/models/velvet/preprocessing.js'
import { retrievalScores } from '../../../../src/train/index.js'
import { channelsFirst, every, type VelvetCase } from './common.js'

type Triple = [number, number, number]

export async function runIntegers(golden: VelvetCase): Promise<void> {
  const { first_depth: first, last_depth: last, picked } = golden.config
  const slices: number[] = []
  for (let depth = first; depth <= last; depth++) slices.push(...pickedSlices(depth, picked))
  const bgr = golden.values('input.bgr')
  const rgb = bgr.map((_, n) => bgr[n - (n % 3) + (2 - (n % 3))]!)
  const results: Record<string, ArrayLike<number>> = { slices, grey: greyOfColours(rgb, 3) }
  for (const name of golden.golden.names('output.half.')) {
    const shape = golden.shape(`input.${name}`) as Triple
    results[`half.${name}`] = halveStack({ shape, data: Uint8Array.from(golden.values(`input.${name}`)) }).data
  }
  await golden.checkOutputs(results)
}

export async function runArea(golden: VelvetCase): Promise<void> {
  const results: Record<string, Tensor | ArrayLike<number>> = {}
  for (const [name, size] of Object.entries<Triple>(golden.config.sizes)) {
    results[name] = scope(() => channelsFirst(resize3d(areaInput(golden, name), size, { mode: 'area' })))
  }
  for (const [from, to] of golden.config.pairs) {
    const positions = await partsOfAxis(golden, from, to)
    results[`starts.${from}to${to}`] = positions.map(([start]) => start)
    results[`ends.${from}to${to}`] = positions.map(([, end]) => end)
  }
  await golden.checkOutputs(results)
}

/** Stored `[C, H, W, D]`. */
function areaInput(golden: VelvetCase, name: string): Tensor {
  const x = golden.tensor(`input.${name}`)
  return scope(() => permute(reshape(x, [1, ...x.shape]), [0, 2, 3, 4, 1]))
}

/** First and last + 1 source index of every output index, found from what the resizing makes of single bright elements. */
async function partsOfAxis(golden: VelvetCase, from: number, to: number): Promise<[number, number][]> {
  const identity = Float32Array.from({ length: from * from }, (_, n) => Number(n % (from + 1) === 0))
  const resized = scope(() =>
    resize3d(tensor(golden.device, identity, [1, 1, 1, from, from]), [1, 1, to], { mode: 'area' }),
  )
  const values = await resized.data()
  resized.dispose()
  return Array.from({ length: to }, (_, output) => {
    const hit = Array.from(values.subarray(output * from, (output + 1) * from), (weight) => weight > 0)
    return [hit.indexOf(true), hit.lastIndexOf(true) + 1]
  })
}

function volumeOf(data: Volume['data'], shape: readonly number[], affine: ArrayLike<number>): Volume {
  const size = shape as Triple
  return { data, shape: size, strides: cOrderStrides(size), offset: 0, affine: Array.from(affine) as unknown as Affine }
}

export async function runM3d(golden: VelvetCase): Promise<void> {
  const { volumes, view } = golden.config
  const results: Record<string, Tensor | ArrayLike<number>> = {}
  for (const [name, { shape, spacing_third_axis: third }] of Object.entries<{
    shape: number[]
    spacing_third_axis: number
  }>(volumes)) {
    const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, third, 0, 0, 0, 0, 1]
    const volume = volumeOf(Uint8Array.from(golden.values(`input.${name}`)), shape.slice(1), affine)
    const steps = m3dPreprocessing([1, 1, third], { side: view })
    const beforeCrop = steps.findIndex(({ kind }) => kind === 'cropForeground')
    const spaced = preprocess(volume, steps.slice(0, beforeCrop))
    const box = foregroundBox(spaced)
    const padded = preprocess(volume, steps)
    const unpadded = preprocess(volume, steps.slice(0, beforeCrop + 1))
    const global = await viewOf(golden, padded, view)
    const isSmall = golden.shape(`output.${name}.spaced`).slice(1).join() === spaced.shape.join()
    Object.assign(results, {
      [`${name}.box`]: [...box.first, ...box.first.map((start, axis) => start + box.size[axis]!)],
      [`${name}.spaced`]: every({ values: spaced.data, shape: spaced.shape }, isSmall ? 1 : 3),
      [`${name}.spaced_shape`]: [1, ...spaced.shape],
      [`${name}.padded_shape`]: [1, ...padded.shape],
      [`${name}.padded_sum`]: [Float64Array.from(padded.data).reduce((sum, x) => sum + x, 0)],
      [`${name}.global.every7`]: every({ values: global, shape: [view, view, view] }, 7),
      [`${name}.global.mean_hw`]: Float64Array.from({ length: view }, (_, k) =>
        meanAt(global, view, (i, j) => (i * view + j) * view + k),
      ),
      [`${name}.global.mean_d`]: meansOverDepth(global, view, 7),
      [`${name}.unpadded_global.every7`]: every(
        { values: await viewOf(golden, unpadded, view), shape: [view, view, view] },
        7,
      ),
    })
  }
  await golden.checkOutputs(results)
}

function meanAt(values: ArrayLike<number>, side: number, place: (i: number, j: number) => number): number {
  let sum = 0
  for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) sum += values[place(i, j)]!
  return sum / side ** 2
}

function meansOverDepth(values: ArrayLike<number>, side: number, step: number): number[] {
  const means: number[] = []
  for (let i = 0; i < side; i += step) {
    for (let j = 0; j < side; j += step) {
      let sum = 0
      for (let k = 0; k < side; k++) sum += values[(i * side + j) * side + k]!
      means.push(sum / side)
    }
  }
  return means
}

async function viewOf(golden: VelvetCase, volume: Volume, side: number): Promise<ArrayLike<number>> {
  const seen = scope(() =>
    globalView(tensor(golden.device, volume.data as Float32Array, [1, ...volume.shape, 1]), side),
  )
  const values = await seen.data()
  seen.dispose()
  return values
}

export async function runSegmentationPreprocessing(golden: VelvetCase): Promise<void> {
  const {
    hu_range: [low, high],
    spacing,
    volumes,
  } = golden.config
  const published = velvetSegmentationPreprocessing
  const isPublished = published.some((step) => step.kind === 'clamp' && step.min === low && step.max === high)
  const results: Record<string, ArrayLike<number>> = {}
  for (const [name, { shape, affine }] of Object.entries<{ shape: number[]; affine: number[][] }>(volumes)) {
    const stored = Int16Array.from(golden.values(`input.${name}.hu`))
    const scaled = preprocess(
      volumeOf(stored, shape, affine.flat()),
      isPublished
        ? published.slice(0, 2)
        : [
            { kind: 'clamp', min: low, max: high },
            { kind: 'scale', from: [low, high], to: [0, 1] },
          ],
    )
    const box = foregroundBox(scaled)
    const cropped = cropForeground(scaled)
    const image = contiguous(reorient(cropped, 'RAS'), 'float32')
    const spaced = resampleToSpacing(image, spacing, { interpolation: 'linear', rule: 'monai' })
    const whole = volumeOf(Uint8Array.from(golden.values(`input.${name}.label`)), shape, affine.flat())
    const label = contiguous(reorient(cutBox(whole, box), 'RAS'))
    const spacedLabel = resampleToSpacing(label, spacing, { interpolation: 'nearest', rule: 'monai' })
    const ties = golden.values(`output.${name}.label_ties`)
    const wanted = golden.values(`output.${name}.spaced_label`)
    Object.assign(results, {
      [`${name}.box`]: [...box.first, ...box.first.map((start, axis) => start + box.size[axis]!)],
      [`${name}.cropped_affine`]: cropped.affine,
      [`${name}.oriented`]: image.data,
      [`${name}.oriented_affine`]: image.affine,
      [`${name}.oriented_label`]: label.data,
      [`${name}.spaced`]: spaced.data,
      [`${name}.spaced_affine`]: spaced.affine,
      // Ties are not compared.
      [`${name}.label_ties`]: ties,
      [`${name}.spaced_label`]: Uint8Array.from(spacedLabel.data, (value, n) => (ties[n] === 1 ? wanted[n]! : value)),
    })
  }
  await golden.checkOutputs(results)
}

export async function runAugment(golden: VelvetCase): Promise<void> {
  const turns = golden.values('input.turns')
  const turned = (name: string): Tensor => turnSamples(golden.volume(name), turns)
  const passes = golden.data.passes.map(
    ({ sample, partner, boxes }: { sample: number; partner?: number; boxes: [Triple, Triple][] }) => ({
      sample,
      partner,
      boxes: boxes.map(([start, end]) => ({ start, end })),
    }),
  )
  const small = golden.volume('input.small')
  await golden.checkOutputs({
    small_turned: scope(() => channelsFirst(turnSamples(small, turns))),
    augmented: scope(() => channelsFirst(dropVoxels(turned('input.volume'), passes, golden.values('input.noise')))),
  })
}

export async function runRetrieval(golden: VelvetCase): Promise<void> {
  const { k_test: candidates, excluded_score: excludedScore, items } = golden.config
  const cosine = await scope(() => cosines(golden.tensor('input.image'), golden.tensor('input.text'))).data()
  const match = golden.values('input.match_score')
  const results: Record<string, ArrayLike<number>> = { cosine }
  for (const run of ['', 'itm.']) {
    const scored = (similarities: ArrayLike<number>, matchScores: ArrayLike<number>): Float64Array =>
      candidateScores(similarities, { candidates, excludedScore, ...(run && { matchScores }) })
    const toText = scored(cosine, match)
    const toImage = scored(exchanged(cosine), exchanged(match))
    results[`${run}image_to_text`] = toText
    results[`${run}text_to_image`] = toImage
    results[`${run}recall`] = [toText, toImage].flatMap((values) => recalls(values, items))
  }
  await golden.checkOutputs(results)
}

function recalls(values: Float64Array, items: number): number[] {
  const own = Array.from({ length: items }, (_, n) => n)
  const { recall } = retrievalScores({ queries: items, gallery: items, values }, own, [1, 5, 10])
  return [1, 5, 10].map((k) => recall[k]!)
}
