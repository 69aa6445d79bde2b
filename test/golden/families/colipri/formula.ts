/** `colipri_formula`: towers of full width whose weights are computed from a formula instead of stored. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Device, scope, sizeOf, tensor } from '../../../../src/engine/index.js'
import { Colipri, type WeightSource } from '../../../../src/models/index.js'
import { readGolden } from '../../tensors.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import { compare, configOf, type Params } from './common.js'
import { textInputs, towerOutputs } from './towers.js'

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

/** The golden data's excerpts of a stage: of tokens `[N, T, C]`, or of volumes `[N, C, T]`. */
function excerpt(kind: string, values: ArrayLike<number>, shape: readonly number[]): number[] {
  const [n, rows, columns] = [...shape, 1].slice(0, 3) as [number, number, number]
  const block = (firstRow: number, lastRow: number, firstColumn: number, lastColumn: number, sample = 0) => {
    const out: number[] = []
    for (let r = firstRow; r < lastRow; r++) {
      for (let c = firstColumn; c < lastColumn; c++) out.push(values[(sample * rows + r) * columns + c]!)
    }
    return out
  }
  switch (kind) {
    case 'stats':
      return statistics(values)
    case 'slice':
      return block(0, 4, 0, 64)
    case 'tail':
      return block(rows - 2, rows, columns - 64, columns)
    case 'first':
      return Array.from({ length: n }, (_, sample) => block(0, 1, 0, columns, sample)).flat()
    case 'channel_mean':
      return Array.from({ length: rows }, (_, r) => block(r, r + 1, 0, columns).reduce((a, b) => a + b, 0) / columns)
    case 'first_voxel':
      return block(0, rows, 0, 1)
    case 'last_voxel':
      return block(0, rows, columns - 1, columns)
    default:
      throw new Error(`unknown excerpt "${kind}"`)
  }
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
  const inputs = {
    volume: tensor(device, formulaImage(list.rule, sizeOf(params.input)), [1, ...params.input, 1]),
    ...textInputs(device, golden),
  }
  const outputs = scope(() => towerOutputs(model, inputs, params.tau))
  const results: Record<string, ArrayLike<number>> = {}
  for (const name of golden.names('output.')) {
    const [stage, kind] = name.split('.') as [string, string | undefined]
    const output = outputs[stage]
    if (!output) continue
    const values = await output.data()
    results[name] = kind ? excerpt(kind, values, output.shape) : values
  }
  for (const value of [...Object.values(outputs), ...Object.values(inputs)]) value.dispose()
  model.dispose()
  return compare(row, golden, results)
}
