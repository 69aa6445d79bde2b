import { join } from 'node:path'
import { type Device, scope, Tensor, tensor } from '../../../../src/engine/index.js'
import { permute } from '../../../../src/kernels/layout/index.js'
import { Colipri, type ColipriConfig, colipriPublished, type WeightSource } from '../../../../src/models/index.js'
import { checkNumbers } from '../../checks.js'
import { type GoldenFile, goldenBound, readGolden } from '../../tensors.js'
import type { CheckResult, GoldenRow } from '../../types.js'

// biome-ignore lint/suspicious/noExplicitAny: golden parameters have no schema of their own
export type Params = any

/** The architecture that a case's `params` describe; what they leave out is as published. */
export function configOf(params: Params): ColipriConfig {
  const { image, text } = colipriPublished
  return {
    image: {
      ...image,
      inputSize: params.input ?? image.inputSize,
      patch: params.patch ?? image.patch,
      features: params.embed,
      depth: params.depth,
      heads: params.heads,
      poolerHeads: params.pool_heads ?? image.poolerHeads,
    },
    projectionFeatures: params.proj ?? params.embed,
    text: {
      ...text,
      vocabulary: params.vocab ?? text.vocabulary,
      layers: params.text_layers ?? text.layers,
      heads: params.text_heads ?? text.heads,
      hiddenFeatures: params.text_inter ?? text.hiddenFeatures,
      positions: params.positions ?? text.positions,
      poolerHeads: params.text_pool_heads ?? text.poolerHeads,
    },
  }
}

/** A golden file as weights; `prefix` is taken off its names. */
export function weightsFrom(golden: GoldenFile, path: string, prefix = ''): WeightSource {
  return {
    path,
    names: golden.names(prefix),
    header: (name) => golden.entry(prefix + name),
    readFloat32: async (name) => Float32Array.from(golden.values(prefix + name)),
  }
}

/** The model of a case's checkpoint; without its text tower where the case says nothing of one. */
export async function loadModel(
  row: GoldenRow,
  dir: string,
  device: Device,
  dtype: 'f32' | 'f16' = 'f32',
): Promise<Colipri> {
  const params: Params = row.params
  const path = join(dir, params.checkpoint)
  const golden = await readGolden(path)
  // Cases of the image tower alone do not give the projection's width.
  const proj = params.proj ?? golden.entry('image_encoder.projector.weight').shape[0]
  const imageOnly = params.text_layers === undefined
  return new Colipri(device, { config: configOf({ ...params, proj }), dtype, imageOnly }).load(
    weightsFrom(golden, path),
  )
}

/** A golden volume `[N, C, D, H, W]` as ours. */
export function volumeFrom(device: Device, golden: GoldenFile, name: string): Tensor {
  return scope(() => permute(tensor(device, golden.values(name), golden.entry(name).shape), [0, 2, 3, 4, 1]))
}

/** Tokens `[N, T, C]` in the golden layout `[N, C, T]`. */
export const channelsFirst = (tokens: Tensor): Tensor => permute(tokens, [0, 2, 1])

/** Compares every output that the case holds with the result of its name, and disposes the results. */
export async function compare(
  row: GoldenRow,
  golden: GoldenFile,
  results: Readonly<Record<string, Tensor | ArrayLike<number>>>,
): Promise<CheckResult[]> {
  const checks: CheckResult[] = []
  for (const name of golden.names('output.')) {
    const want = golden.values(`output.${name}`)
    const result = results[name] ?? []
    const got = result instanceof Tensor ? await result.data() : result
    checks.push(checkNumbers(`output.${name}`, got, want, goldenBound(row, `output.${name}`, want)))
  }
  for (const result of Object.values(results)) if (result instanceof Tensor) result.dispose()
  return checks
}
