import { checkDType } from '../../engine/dtype.js'
import { apply, defineOp } from '../../engine/op.js'
import { normalizeAxis, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { emptyStatistics, runRowNorm, runRowNormGradient } from '../norm/rows.js'
import { aroundAxis } from '../variance/fold.js'
import { runMappedSum } from '../variance/mapped-sum.js'

interface NormalizeOptions {
  readonly axis: number
  readonly eps: number
}

const scale = { name: 'l2Normalize', arguments: ['x', 'inverse'], expression: 'x * inverse', options: [] }
/** Where eps replaced the length, the result is linear in x. */
const gradient = {
  name: 'l2Normalize gradient',
  arguments: ['g', 'x', 'inverse', 'product'],
  expression: 'inverse * (g - select(x * inverse * inverse * product, 0.0, inverse >= 1.0 / eps))',
  options: ['eps'],
}

const extentsOf = (shape: Shape, { axis }: NormalizeOptions) =>
  aroundAxis(shape, normalizeAxis('l2Normalize', axis, shape.length))

const l2NormalizeOp = defineOp<NormalizeOptions>({
  name: 'l2Normalize',
  doc: 'Vectors along an axis divided by their Euclidean length, or by eps where that is larger.',
  shape([x], { axis }) {
    checkDType('l2Normalize', ['f32', 'f16'], x!)
    normalizeAxis('l2Normalize', axis, x!.shape.length)
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  forward(context, [x], options) {
    const y = context.empty()
    const { outer, length, inner } = extentsOf(x!.shape, options)
    if (inner === 1 && x!.size > 0) {
      const norm = { kind: 'length' as const, length, epsilon: options.eps, x: x!, weight: undefined }
      const statistics = context.recording ? emptyStatistics(context, norm) : undefined
      runRowNorm(context, norm, { y, statistics })
      if (statistics) context.save(x!, statistics.inverse)
      return y
    }
    const inverse = context.empty([outer, 1, inner], 'f32')
    runMappedSum(context, {
      name: 'inverse length',
      operands: [{ name: 'x', tensor: x! }],
      terms: ['x * x'],
      results: [{ tensor: inverse, finish: '1.0 / max(sqrt(s0), o0)' }],
      runs: [{ outer, length, inner }],
      options: [options.eps],
    })
    const shape = [outer, length, inner]
    const inputs = [x!.alias(shape), inverse]
    runElementwise({ fn: scale, options: [], inputs, output: y.alias(shape) }, context.run)
    context.save(x!, inverse)
    return y
  },
  backward(context, [dy], [x, inverse], options) {
    const { outer, length, inner } = extentsOf(x!.shape, options)
    const dx = context.empty(x!.shape, x!.dtype)
    if (inner === 1 && x!.size > 0) {
      const norm = { kind: 'length' as const, length, epsilon: options.eps, x: x!, weight: undefined }
      runRowNormGradient(context, norm, { mean: undefined, inverse: inverse! }, dy!, dx)
      return [dx]
    }
    const product = context.empty([outer, 1, inner], 'f32')
    runMappedSum(context, {
      name: 'l2Normalize gradient',
      operands: [
        { name: 'g', tensor: dy! },
        { name: 'x', tensor: x! },
      ],
      terms: ['g * x'],
      results: [{ tensor: product }],
      runs: [{ outer, length, inner }],
    })
    const shape = [outer, length, inner]
    const inputs = [dy!.alias(shape), x!.alias(shape), inverse!, product]
    runElementwise({ fn: gradient, options: [options.eps], inputs, output: dx.alias(shape) }, context.run)
    return [dx]
  },
  reference([x], options) {
    const { outer, length, inner } = extentsOf(x!.shape, options)
    const data = new Float64Array(x!.data.length)
    for (let column = 0; column < outer * inner; column++) {
      const places = Array.from(
        { length },
        (_, i) => (Math.floor(column / inner) * length + i) * inner + (column % inner),
      )
      const norm = Math.hypot(...places.map((place) => x!.data[place]!))
      for (const place of places) data[place] = x!.data[place]! / Math.max(norm, options.eps)
    }
    return [{ data, shape: x!.shape }]
  },
  cost: ([x]) => ({ flops: 3 * sizeOf(x!.shape), bytes: 8 * sizeOf(x!.shape) }),
  cases: [
    { name: 'rows', inputs: [{ shape: [6, 19] }], options: { axis: 1, eps: 1e-12 } },
    { name: 'whole vectors', inputs: [{ shape: [3, 24] }], options: { axis: -1, eps: 1e-12 } },
    { name: 'channels first', inputs: [{ shape: [2, 7, 3, 2] }], options: { axis: 1, eps: 1e-12 } },
    { name: 'shorter than eps', inputs: [{ shape: [4, 5], range: [-0.1, 0.1] }], options: { axis: 1, eps: 1 } },
    { name: 'columns shorter than eps', inputs: [{ shape: [4, 5], range: [-0.1, 0.1] }], options: { axis: 0, eps: 1 } },
    { name: 'no rows', inputs: [{ shape: [0, 5] }], options: { axis: 1, eps: 1e-12 } },
    { name: 'embeddings', inputs: [{ shape: [32768, 768] }], options: { axis: 1, eps: 1e-12 }, bench: true },
  ],
})

export interface L2NormalizeOptions {
  /** Default -1, the last. */
  readonly axis?: number | undefined
  /** Shortest length that is divided by. Default 1e-12. */
  readonly eps?: number | undefined
}

/** Vectors along `axis` of a float tensor divided by `max(length, eps)`: unit vectors, and zero for zero. */
export function l2Normalize(x: Tensor, { axis = -1, eps = 1e-12 }: L2NormalizeOptions = {}): Tensor {
  return apply(l2NormalizeOp, [x], { axis, eps })
}
