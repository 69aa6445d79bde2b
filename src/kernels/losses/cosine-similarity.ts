import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { formatShape, normalizeAxis, type Shape, sameShape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { reducedShape } from '../reduce/reduce.js'
import { aroundAxis } from '../variance/fold.js'
import { runMappedSum } from '../variance/mapped-sum.js'

interface CosineOptions {
  readonly axis: number
  readonly eps: number
}

/** With u = 1 / |a| and v = 1 / |b|: d cosine / da = b u v - a cosine u^2, the latter only where |a| is not below eps. */
const across = { name: 'cosineSimilarity across', arguments: ['g', 'u', 'v'], expression: 'g * u * v', options: [] }
const along = {
  name: 'cosineSimilarity along',
  arguments: ['g', 'cosine', 'u'],
  expression: 'select(g * cosine * u * u, 0.0, u >= 1.0 / eps)',
  options: ['eps'],
}
const gradient = {
  name: 'cosineSimilarity gradient',
  arguments: ['own', 'other', 'across', 'along'],
  expression: 'other * across - own * along',
  options: [],
}

const extentsOf = (shape: Shape, { axis }: CosineOptions) =>
  aroundAxis(shape, normalizeAxis('cosineSimilarity', axis, shape.length))

const cosineSimilarityOp = defineOp<CosineOptions>({
  name: 'cosineSimilarity',
  doc: 'Product of the vectors along an axis, divided by their lengths.',
  shape([a, b], { axis }) {
    checkDType('cosineSimilarity', ['f32', 'f16'], a!, b!)
    if (!sameShape(a!.shape, b!.shape)) {
      throw new ShapeError(
        `cosineSimilarity: takes two tensors of one shape, got ${formatShape(a!.shape)} and ${formatShape(b!.shape)}`,
      )
    }
    const dtype = a!.dtype === 'f16' && b!.dtype === 'f16' ? 'f16' : 'f32'
    return [{ shape: reducedShape('cosineSimilarity', a!.shape, { axes: axis }), dtype }]
  },
  forward(context, [a, b], options) {
    const y = context.empty()
    const run = extentsOf(a!.shape, options)
    const [u, v, cosine] = ['u', 'v', 'cosine'].map(() => context.empty([run.outer, 1, run.inner], 'f32')) as [
      Tensor,
      Tensor,
      Tensor,
    ]
    const inverse = (sum: string) => `1.0 / max(sqrt(${sum}), o0)`
    const product = `s0 / (max(sqrt(s1), o0) * max(sqrt(s2), o0))`
    runMappedSum(context, {
      name: 'cosineSimilarity',
      operands: [
        { name: 'a', tensor: a! },
        { name: 'b', tensor: b! },
      ],
      terms: ['a * b', 'a * a', 'b * b'],
      results: [
        { tensor: y, finish: product },
        { tensor: cosine, finish: product },
        { tensor: u, finish: inverse('s1') },
        { tensor: v, finish: inverse('s2') },
      ],
      runs: [run],
      options: [options.eps],
    })
    context.save(a!, b!, cosine, u, v)
    return y
  },
  backward(context, [dy], [a, b, cosine, u, v], options) {
    const { outer, length, inner } = extentsOf(a!.shape, options)
    const g = dy!.alias([outer, 1, inner])
    const shared = context.empty(g.shape, 'f32')
    runElementwise({ fn: across, options: [], inputs: [g, u!, v!], output: shared }, context.run)
    const one = (own: Tensor, other: Tensor, inverse: Tensor): Tensor => {
      const part = context.empty(g.shape, 'f32')
      runElementwise({ fn: along, options: [options.eps], inputs: [g, cosine!, inverse], output: part }, context.run)
      const output = context.empty(own.shape, own.dtype)
      const shape = [outer, length, inner]
      const inputs = [own.alias(shape), other.alias(shape), shared, part]
      runElementwise({ fn: gradient, options: [], inputs, output: output.alias(shape) }, context.run)
      return output
    }
    return [context.needs[0] ? one(a!, b!, u!) : undefined, context.needs[1] ? one(b!, a!, v!) : undefined]
  },
  reference([a, b], options) {
    const { outer, length, inner } = extentsOf(a!.shape, options)
    const data = Float64Array.from({ length: outer * inner }, (_, column) => {
      const places = Array.from(
        { length },
        (_, i) => (Math.floor(column / inner) * length + i) * inner + (column % inner),
      )
      const dot = places.reduce((sum, place) => sum + a!.data[place]! * b!.data[place]!, 0)
      const lengths = [a!, b!].map(({ data }) =>
        Math.max(Math.hypot(...places.map((place) => data[place]!)), options.eps),
      )
      return dot / (lengths[0]! * lengths[1]!)
    })
    return [{ data, shape: reducedShape('cosineSimilarity', a!.shape, { axes: options.axis }) }]
  },
  cost: ([a]) => ({ flops: 6 * sizeOf(a!.shape), bytes: 8 * sizeOf(a!.shape) }),
  cases: [
    { name: 'rows', inputs: [{ shape: [6, 19] }, { shape: [6, 19] }], options: { axis: 1, eps: 1e-8 } },
    { name: 'middle axis', inputs: [{ shape: [2, 9, 3] }, { shape: [2, 9, 3] }], options: { axis: 1, eps: 1e-8 } },
    { name: 'shorter than eps', inputs: [{ shape: [3, 4] }, { shape: [3, 4] }], options: { axis: -1, eps: 4 } },
    {
      name: 'embeddings',
      inputs: [{ shape: [32768, 768] }, { shape: [32768, 768] }],
      options: { axis: 1, eps: 1e-8 },
      bench: true,
    },
  ],
})

export interface CosineSimilarityOptions {
  /** The axis that disappears; default -1, the last. */
  readonly axis?: number | undefined
  /** Shortest length that is divided by. Default 1e-8. */
  readonly eps?: number | undefined
}

/** `a b / (max(|a|, eps) max(|b|, eps))` of the vectors along `axis` of two float tensors of one shape. */
export function cosineSimilarity(a: Tensor, b: Tensor, options: CosineSimilarityOptions = {}): Tensor {
  const { axis = -1, eps = 1e-8 } = options
  return apply(cosineSimilarityOp, [a, b], { axis, eps })
}
