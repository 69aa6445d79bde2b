/** What cross-entropy is, in float64, and where it is tried. */
import type { CaseInput, OpCase, ReferenceArray } from '../../engine/op.js'
import { normalizeAxis, type Shape } from '../../engine/shape.js'
import { reducedShape } from '../reduce/reduce.js'
import { largestOf } from '../reduce/reference.js'
import { aroundAxis } from '../variance/fold.js'
import type { EntropyOptions } from './cross-entropy.js'

export function crossEntropyReference(
  [logits, target, classWeight]: readonly ReferenceArray[],
  options: EntropyOptions,
): ReferenceArray[] {
  const axis = normalizeAxis('crossEntropy', options.axis, logits!.shape.length)
  const { outer, length: classes, inner } = aroundAxis(logits!.shape, axis)
  const soft = target!.data.length === logits!.data.length
  const weights = Array.from({ length: classes }, (_, c) => classWeight?.data[c] ?? 1)
  let divisor = 0
  const losses = Float64Array.from({ length: outer * inner }, (_, row) => {
    const place = (c: number) => (Math.floor(row / inner) * classes + c) * inner + (row % inner)
    const label = target!.data[row]!
    if (!soft && label === options.ignoreIndex) return 0
    divisor += soft ? 1 : weights[label]!
    const x = weights.map((_, c) => logits!.data[place(c)]!)
    const largest = largestOf(x)
    const logSum = largest + Math.log(x.reduce((sum, value) => sum + Math.exp(value - largest), 0))
    return weights.reduce((loss, weight, c) => {
      const given = soft ? target!.data[place(c)]! : c === label ? 1 : 0
      const wanted = (1 - options.labelSmoothing) * given + options.labelSmoothing / classes
      return loss + weight * wanted * (logSum - x[c]!)
    }, 0)
  })
  const shape = reducedShape('crossEntropy', logits!.shape, { axes: axis })
  if (options.reduction === 'none') return [{ data: losses, shape }]
  const sum = losses.reduce((total, loss) => total + loss, 0)
  if (options.reduction === 'sum') return [{ data: Float64Array.of(sum), shape: [] }]
  return [{ data: Float64Array.of(divisor === 0 ? 0 : sum / divisor), shape: [] }]
}

const defaults: EntropyOptions = { axis: -1, labelSmoothing: 0, ignoreIndex: -100, reduction: 'mean', weighted: false }

const logitsOf = (shape: Shape): CaseInput => ({ shape, range: [-3, 3] })

function labelled(
  name: string,
  shape: Shape,
  options: Partial<EntropyOptions>,
  ignore = false,
): OpCase<EntropyOptions> {
  const given = { ...defaults, ...options }
  const axis = normalizeAxis('crossEntropy', given.axis, shape.length)
  const rows = shape.filter((_, i) => i !== axis)
  const count = rows.reduce((product, extent) => product * extent, 1)
  const values = Array.from({ length: count }, (_, i) =>
    ignore && i % 3 === 1 ? given.ignoreIndex : (i * 7) % shape[axis]!,
  )
  return {
    name,
    inputs: [
      logitsOf(shape),
      { shape: rows, dtype: 'i32', values },
      ...(given.weighted ? [{ shape: [shape[axis]!], range: [0.5, 2] as const, differentiable: false }] : []),
    ],
    options: given,
  }
}

function soft(name: string, shape: Shape, options: Partial<EntropyOptions>): OpCase<EntropyOptions> {
  const given = { ...defaults, ...options }
  const axis = normalizeAxis('crossEntropy', given.axis, shape.length)
  return {
    name,
    inputs: [
      logitsOf(shape),
      { shape, range: [0, 1] },
      ...(given.weighted ? [{ shape: [shape[axis]!], range: [0.5, 2] as const, differentiable: false }] : []),
    ],
    options: given,
  }
}

const ignored: CaseInput = { shape: [3], dtype: 'i32', values: [-100, -100, -100] }

export const crossEntropyCases: readonly OpCase<EntropyOptions>[] = [
  labelled('labels', [7, 5], {}),
  labelled('labels, sum, weights', [7, 6], { reduction: 'sum', weighted: true }),
  labelled('labels, no reduction, smoothing', [7, 5], { reduction: 'none', labelSmoothing: 0.1 }),
  labelled('ignored labels', [9, 5], { labelSmoothing: 0.1, weighted: true }, true),
  labelled('voxels', [2, 2, 3, 2, 3], { ignoreIndex: 255 }, true),
  labelled('classes along the first axis', [6, 9], { axis: 0, weighted: true, labelSmoothing: 0.2 }),
  labelled('many classes', [2, 300], {}),
  { ...labelled('every label ignored', [3, 4], {}), inputs: [logitsOf([3, 4]), ignored] },
  soft('probabilities', [7, 5], {}),
  soft('probabilities, weights, smoothing', [4, 6], { weighted: true, labelSmoothing: 0.1, reduction: 'sum' }),
  soft('probabilities along the first axis', [6, 5], { axis: 0, reduction: 'none' }),
  {
    name: 'large logits',
    inputs: [
      { shape: [2, 3], values: [1e4, -1e4, 9999, -1e4, -9998, -9999] },
      { shape: [2], dtype: 'i32', values: [2, 0] },
    ],
    options: defaults,
  },
  { ...labelled('vocabulary', [512, 30522], {}), bench: true },
  { ...labelled('classes of voxels', [96 ** 3, 14], {}), bench: true },
]
