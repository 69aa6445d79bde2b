/** `colipri_formula`: towers of full width whose weights are computed from a formula instead of stored. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Device, scope, sizeOf, type Tensor, tensor } from '../../../../src/engine/index.js'
import { mul } from '../../../../src/kernels/elementwise/index.js'
import { l2Normalize } from '../../../../src/kernels/losses/index.js'
import { matmul } from '../../../../src/kernels/matmul/index.js'
import { softmax } from '../../../../src/kernels/softmax/index.js'
import { Colipri, type WeightSource } from '../../../../src/models/index.js'
import { readGolden } from '../../tensors.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import { compare, configOf, type Params } from './common.js'

type Rule =
  | { readonly kind: 'sin'; readonly freq: number; readonly phase: number; readonly image_freq: number }
  | { readonly kind: 'hash'; readonly seed: number }

interface FillEntry {
  readonly index: number
  readonly base: number
  readonly amplitude: number
}

/** 32-bit mixing function of the golden data's README, scaled to [-1, 1). */
function hashUnit(x: number): number {
  let h = x >>> 0
  h ^= h >>> 16
  h = Math.imul(h, 0x7feb352d)
  h ^= h >>> 15
  h = Math.imul(h, 0x846ca68b)
  h ^= h >>> 16
  return (h >>> 8) / 2 ** 23 - 1
}

const unit = (rule: Rule, j: number, k: number): number =>
  rule.kind === 'sin'
    ? Math.sin(rule.freq * (j + 1) + rule.phase * (k + 1))
    : hashUnit(rule.seed + Math.imul(k + 1, 0x9e3779b1) + j)

function formulaWeights(model: Colipri, rule: Rule, fill: ReadonlyMap<string, FillEntry>, path: string): WeightSource {
  const shape = (name: string) => model.parameters.parameters.get(name)!.declaration.shape
  return {
    path,
    names: [...model.parameters.parameters.keys()],
    header: (name) => ({ shape: shape(name), dtype: 'F32' }),
    async readFloat32(name) {
      const values = new Float32Array(sizeOf(shape(name)))
      const entry = fill.get(name)
      // What has no formula (the mask token) is zero.
      if (!entry) return values
      const { index, base, amplitude } = entry
      for (let j = 0; j < values.length; j++) values[j] = base + amplitude * unit(rule, j, index)
      return values
    },
  }
}

function formulaImage(rule: Rule, size: number): Float32Array {
  const at =
    rule.kind === 'sin' ? (n: number) => Math.sin(rule.image_freq * (n + 1)) : (n: number) => hashUnit(rule.seed + n)
  return Float32Array.from({ length: size }, (_, n) => at(n))
}

function statistics(values: ArrayLike<number>): number[] {
  let [sum, squares, low, high] = [0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    sum += value
    squares += value * value
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  return [sum, squares, low, high]
}

/** Rows `[first, last)` and columns `[first, last)` of the first sample of tokens `[N, T, C]`. */
function part(
  values: ArrayLike<number>,
  channels: number,
  rows: [number, number],
  columns: [number, number],
): number[] {
  const out: number[] = []
  for (let t = rows[0]; t < rows[1]; t++) {
    for (let c = columns[0]; c < columns[1]; c++) out.push(values[t * channels + c]!)
  }
  return out
}

export async function runFormula(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  const params: Params = row.params
  const golden = await readGolden(join(dir, row.file))
  const list = JSON.parse(await readFile(join(dir, params.fill), 'utf8')) as {
    rule: Rule
    tensors: [string, number, number, number][]
  }
  const fill = new Map(list.tensors.map(([name, index, base, amplitude]) => [name, { index, base, amplitude }]))
  const model = new Colipri(device, { config: configOf(params) })
  await model.load(formulaWeights(model, list.rule, fill, params.fill))
  const results: Record<string, Tensor | ArrayLike<number>> = {}
  const read = async (value: Tensor) => {
    const data = await value.data()
    value.dispose()
    return data
  }

  const side: readonly number[] = params.input
  const volume = tensor(device, formulaImage(list.rule, sizeOf(side)), [1, ...side, 1])
  const { tokens, grid } = scope(() => model.image.embedPatches(volume))
  const ropeTable = model.image.ropeTable(device, grid)
  const features = tokens.shape[2]!
  results['patch_embed.stats'] = statistics(await tokens.data())
  let x = tokens.detach()
  for (const [i, block] of model.image.blocks.entries()) {
    const next = block.apply(x, ropeTable)
    x.dispose()
    x = next
    if (!golden.has(`output.block${i}.stats`)) continue
    const data = await x.data()
    const last = data.length / features
    results[`block${i}.stats`] = statistics(data)
    results[`block${i}.slice`] = part(data, features, [0, 4], [0, 64])
    results[`block${i}.tail`] = part(data, features, [last - 2, last], [features - 64, features])
  }
  x.dispose()

  const backbone = model.image.encodeTokens(tokens, ropeTable)
  const projected = model.image.project(backbone)
  const dense = await read(model.image.pooler.dense(projected))
  const channels = params.proj
  const voxels = dense.length / channels
  const backboneData = await read(backbone)
  results['backbone.stats'] = statistics(backboneData)
  results['backbone.channel_mean'] = Array.from({ length: features }, (_, c) => {
    let total = 0
    for (let t = 0; t < voxels; t++) total += backboneData[t * features + c]!
    return total / voxels
  })
  results['projected.stats'] = statistics(await projected.data())
  results['dense.stats'] = statistics(dense)
  results['dense.first_voxel'] = part(dense, channels, [0, 1], [0, channels])
  results['dense.last_voxel'] = part(dense, channels, [voxels - 1, voxels], [0, channels])

  const integers = (name: string, dtype: 'i32' | 'u32') =>
    tensor(device, golden.values(name), golden.entry(name).shape, { dtype })
  const ids = integers('input.ids', 'i32')
  const mask = integers('input.mask', 'u32')
  const hidden = model.text.backbone.apply(ids, mask)
  const hiddenData = await hidden.data()
  results['text_hidden.stats'] = statistics(hiddenData)
  const perText = hiddenData.length / ids.shape[0]!
  results['text_hidden.first'] = Array.from({ length: ids.shape[0]! }, (_, n) =>
    Array.from(hiddenData.subarray(n * perText, n * perText + channels)),
  ).flat()
  const pooled = model.image.pooler.apply(projected)
  const image = l2Normalize(pooled, { axis: 1 })
  Object.assign(results, { pooled, pooled_normalized: image })
  for (const variant of ['masked', 'unmasked'] as const) {
    const text = model.text.pooler.apply(hidden, variant === 'masked' ? mask : undefined)
    const normalized = l2Normalize(text, { axis: 1 })
    const similarity = matmul(image, normalized, { transposeB: true })
    results[`text_pooled_${variant}`] = text
    results[`text_normalized_${variant}`] = normalized
    results[`similarity_${variant}`] = similarity
    results[`probability_${variant}`] = softmax(mul(similarity, 1 / params.tau), { axis: -1 })
  }
  const checks = await compare(row, golden, results)
  for (const value of [volume, tokens, ropeTable, projected, hidden, ids, mask]) value.dispose()
  model.dispose()
  return checks
}
