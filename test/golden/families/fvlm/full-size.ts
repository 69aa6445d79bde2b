/** Cases of real width, whose weights and image follow a formula that the manifest states in words. */
import { scope, sizeOf, type Tensor, tensor } from '../../../../src/engine/index.js'
import { reshape, slice } from '../../../../src/kernels/layout/index.js'
import { l2Normalize } from '../../../../src/kernels/losses/index.js'
import { mean } from '../../../../src/kernels/reduce/index.js'
import { Fvlm, fvlmPublished, organTokens, type WeightSource } from '../../../../src/models/index.js'
import { checkEqual, checkNumbers } from '../../checks.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import {
  checkOutputs,
  configOf,
  integers,
  open,
  organsTogether,
  type Runner,
  textConfig,
  visionConfig,
} from './common.js'

interface Formula {
  readonly rule: string
  readonly names: number
  readonly first: string
  readonly last: string
  readonly checks: Record<string, { k: number; first4: number[]; last: number }>
}

/** Every number of a text, in order. */
const numbersOf = (text: string): number[] =>
  [...text.matchAll(/(?<![\w.])\d+(\.\d+)?(?![\w])/g)].map(([n]) => Number(n))

/** The 32-bit mixing of rule `hash`, scaled to [-1, 1). */
function hashUnit(j: number, k: number): number {
  let x = (Math.imul(j, 0x9e3779b1) + Math.imul(k + 1, 0x85ebca77) + 12345) >>> 0
  x ^= x >>> 16
  x = Math.imul(x, 0x7feb352d)
  x ^= x >>> 15
  x = Math.imul(x, 0x846ca68b)
  x ^= x >>> 16
  return (x >>> 0) / 2 ** 31 - 1
}

const parentOf = (name: string): string => name.split('.').at(-2) ?? ''

/** Base and amplitude by the rule `hash`. */
function hashScale(name: string, shape: readonly number[]): [base: number, amplitude: number] {
  if (name.endsWith('bias')) return [0, 0.1]
  if (/norm/i.test(parentOf(name))) return [1, 0.2]
  if (name.includes('position_embeddings')) return [0, 0.5]
  if (name.includes('word_embeddings')) return [0, 0.7]
  if (name === 'query_tokens') return [0, 1]
  const spread = name.includes('patch_embeddings') ? 12 : 3
  return [0, Math.sqrt(spread / sizeOf(shape.slice(1)))]
}

function sineScale(name: string): [base: number, amplitude: number] {
  if (name.endsWith('bias')) return [0, 0.05]
  return /norm/i.test(parentOf(name)) ? [1, 0.1] : [0, 0.1]
}

/** Element j of tensor k as the rule says. */
function formulaValues(rule: string, name: string, shape: readonly number[], k: number): Float32Array {
  const values = new Float32Array(sizeOf(shape))
  const sine = /sin\(([\d.]+) \* \(j \+ 1\) \+ ([\d.]+) \* \(k \+ 1\)\)/.exec(rule)
  if (sine) {
    const [base, amplitude] = sineScale(name)
    const [frequency, phase] = [Number(sine[1]), Number(sine[2])]
    for (let j = 0; j < values.length; j++) {
      values[j] = base + amplitude * Math.sin(frequency * (j + 1) + phase * (k + 1))
    }
    return values
  }
  if (!rule.includes('0x9E3779B1')) throw new Error(`unknown rule for weights: ${rule}`)
  const [base, amplitude] = hashScale(name, shape)
  for (let j = 0; j < values.length; j++) values[j] = base + amplitude * hashUnit(j, k)
  return values
}

/** Weights by the formula, and whether they are those that the manifest quotes. */
function formulaSource(row: GoldenRow, model: Fvlm, own: (name: string) => boolean) {
  const formula = configOf(row).weights as Formula
  const shapeOf = (name: string) => model.parameters.parameters.get(name)!.declaration.shape
  const names = [...model.parameters.parameters.keys()].filter(own).sort((a, b) => (a < b ? -1 : 1))
  const values = (name: string) => formulaValues(formula.rule, name, shapeOf(name), names.indexOf(name))
  const source: WeightSource = {
    path: row.id,
    // The temperature belongs to neither group.
    names: [...names, 'temp'],
    header: (name) => ({ shape: shapeOf(name), dtype: 'F32' }),
    readFloat32: async (name) => (name === 'temp' ? new Float32Array([0.07]) : values(name)),
  }
  const checks: CheckResult[] = [
    checkEqual('names', [names.length, names[0], names.at(-1)], [formula.names, formula.first, formula.last]),
  ]
  for (const [name, { k, first4, last }] of Object.entries(formula.checks)) {
    const made = values(name)
    checks.push(checkEqual(`index of ${name}`, names.indexOf(name), k))
    checks.push(checkNumbers(name, [...made.slice(0, 4), made.at(-1)!], [...first4, last], 0))
  }
  return { source, checks }
}

/** `A + B sin(C (n + 1)) + D sin(E (n + 1))` with the numbers of the manifest's text. */
function formulaImage(text: string, voxels: number): Float32Array {
  const numbers = numbersOf(/0?\.?\d.*sin.*\)\)/.exec(text.slice(text.indexOf('float32(') + 8))![0])
  const [a, b, c, , d, e] = numbers as [number, number, number, number, number, number]
  return Float32Array.from({ length: voxels }, (_, n) => a + b * Math.sin(c * (n + 1)) + d * Math.sin(e * (n + 1)))
}

export const runFullSizeVision: Runner = async (row, dir, device) => {
  const config = configOf(row)
  const golden = await open(row, dir)
  const boxes = config.organ_boxes as Record<string, number[][]>
  const anatomies = Object.keys(boxes)
  const model = new Fvlm(device, {
    config: {
      ...fvlmPublished,
      anatomies,
      vision: visionConfig(config),
      poolingHeads: config.pooling_heads,
      projectionFeatures: config.feat,
    },
    only: 'vision',
  })
  const isVision = (name: string) => /^(attention|query_tokens|vision_projs|visual_encoder)/.test(name)
  const { source, checks } = formulaSource(row, model, isVision)
  await model.load(source)
  const extents = config.image_dims as [number, number, number]
  const volume = tensor(device, formulaImage(config.image, sizeOf(extents)), [1, ...extents, 1])
  const labels = new Uint8Array(sizeOf(extents))
  for (const [i, anatomy] of anatomies.entries()) {
    for (const [z0, z1, y0, y1, x0, x1] of boxes[anatomy] as [number, number, number, number, number, number][]) {
      for (let z = z0; z < z1; z++) {
        for (let y = y0; y < y1; y++) {
          const line = (z * extents[1] + y) * extents[2]
          labels.fill(i + 1, line + x0, line + x1)
        }
      }
    }
  }
  const selected = organTokens({ labels, samples: 1, extents }, anatomies.length, config.patch)
  const tokens = selected.length / anatomies.length
  const results = scope(() => {
    const { levels } = model.vision.encode(volume)
    const { pooled, projected, unit } = organsTogether(model.pooling.apply(levels, selected))
    const excerpts: Record<string, Tensor> = { pooled, projected, organ_unit: unit }
    for (const [i, level] of levels.entries()) {
      excerpts[`level${i}.token0`] = slice(level, [
        [0, 1],
        [0, 1],
      ])
      excerpts[`level${i}.token_last`] = slice(level, [
        [0, 1],
        [tokens - 1, tokens],
      ])
      excerpts[`level${i}.mean_over_tokens`] = mean(level, { axes: 1 })
    }
    return excerpts
  })
  const counts = anatomies.map((_, i) => selected.slice(i * tokens, (i + 1) * tokens).reduce((a, b) => a + b, 0))
  checks.push(...(await checkOutputs(row, golden, { ...results, token_counts: counts })))
  for (const value of [...Object.values(results), volume]) value.dispose()
  model.dispose()
  return checks
}

export const runFullSizeText: Runner = async (row, dir, device) => {
  const config = configOf(row)
  const golden = await open(row, dir)
  const model = new Fvlm(device, {
    config: { ...fvlmPublished, projectionFeatures: config.feat, text: textConfig(config, config.vocab) },
    only: 'text',
  })
  const { source, checks } = formulaSource(row, model, (name) => name.startsWith('text_'))
  await model.load(source)
  const [ids, mask] = [integers(device, golden, 'input.input_ids'), integers(device, golden, 'input.attention_mask')]
  const results = scope(() => {
    const hidden = model.text.backbone.apply(ids, mask)
    const [n, , features] = hidden.shape as [number, number, number]
    const projected = model.text.project(hidden)
    const cls = reshape(
      slice(hidden, [
        [0, n],
        [0, 1],
      ]),
      [n, features],
    )
    return { cls, projected, text_unit: l2Normalize(projected, { axis: 1 }) }
  })
  checks.push(...(await checkOutputs(row, golden, results)))
  for (const value of [...Object.values(results), ids, mask]) value.dispose()
  model.dispose()
  return checks
}
