import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { formatShape, sameShape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { runMappedSum } from '../variance/mapped-sum.js'

type NoOptions = Record<string, never>

const product = { name: 'maskedMse scale', arguments: ['g', 'scale'], expression: '2.0 * g * scale', options: [] }
const difference = (name: string, expression: string) => ({
  name: `maskedMse gradient ${name}`,
  arguments: ['a', 'b', 'm', 'g'],
  expression: `select(0.0, g * (${expression}), m != 0)`,
  options: [],
})
const gradients = [difference('a', 'a - b'), difference('b', 'b - a')]

const maskedMseOp = defineOp<NoOptions>({
  name: 'maskedMse',
  doc: 'Mean squared difference over the elements where a mask is not 0.',
  shape([a, b, mask]) {
    checkDType('maskedMse', ['f32', 'f16'], a!, b!)
    if (!sameShape(a!.shape, b!.shape) || !sameShape(a!.shape, mask!.shape)) {
      const shapes = [a!, b!, mask!].map(({ shape }) => formatShape(shape))
      throw new ShapeError(`maskedMse: takes three tensors of one shape, got ${shapes.join(', ')}`)
    }
    return [{ shape: [], dtype: 'f32' }]
  },
  forward(context, [a, b, mask]) {
    const y = context.empty()
    const scale = context.empty([], 'f32')
    runMappedSum(context, {
      name: `maskedMse ${mask!.dtype}`,
      operands: [
        { name: 'a', tensor: a! },
        { name: 'b', tensor: b! },
        { name: 'm', tensor: mask! },
      ],
      terms: ['select(0.0, (a - b) * (a - b), m != 0.0)', 'select(0.0, 1.0, m != 0.0)'],
      results: [
        { tensor: y, finish: 's0 / max(s1, 1.0)' },
        { tensor: scale, finish: '1.0 / max(s1, 1.0)' },
      ],
      runs: [{ outer: 1, length: a!.size, inner: 1 }],
    })
    context.save(a!, b!, mask!, scale)
    return y
  },
  backward(context, [dy], [a, b, mask, scale]) {
    const g = context.empty([], 'f32')
    runElementwise({ fn: product, options: [], inputs: [dy!, scale!], output: g }, context.run)
    return gradients.map((fn, i) => {
      if (!context.needs[i]) return undefined
      const output = context.empty(a!.shape, context.inputs[i]!.dtype)
      runElementwise({ fn, options: [], inputs: [a!, b!, mask!, g], output }, context.run)
      return output
    })
  },
  reference([a, b, mask]) {
    let sum = 0
    let count = 0
    for (const [i, flag] of mask!.data.entries()) {
      if (flag === 0) continue
      sum += (a!.data[i]! - b!.data[i]!) ** 2
      count++
    }
    return [{ data: Float64Array.of(sum / Math.max(count, 1)), shape: [] }]
  },
  cost: ([a]) => ({ flops: 3 * sizeOf(a!.shape), bytes: 12 * sizeOf(a!.shape) }),
  cases: [
    {
      name: 'flags',
      inputs: [{ shape: [2, 33] }, { shape: [2, 33] }, { shape: [2, 33], dtype: 'u32', range: [0, 2] }],
      options: {},
    },
    {
      name: 'float mask',
      inputs: [{ shape: [4] }, { shape: [4] }, { shape: [4], values: [1, 0, 0, 1], differentiable: false }],
      options: {},
    },
    {
      name: 'nothing left',
      inputs: [{ shape: [3] }, { shape: [3] }, { shape: [3], dtype: 'u32', values: [0, 0, 0] }],
      options: {},
    },
    {
      name: 'patches of a volume',
      inputs: [{ shape: [96 ** 3] }, { shape: [96 ** 3] }, { shape: [96 ** 3], dtype: 'u32', range: [0, 2] }],
      options: {},
      bench: true,
    },
  ],
})

/**
 * Mean of `(a - b)^2` over the elements where `mask` (u32, i32 or float, of the same shape) is not 0; 0 where there are
 * none. f32.
 */
export function maskedMse(a: Tensor, b: Tensor, mask: Tensor): Tensor {
  return apply(maskedMseOp, [a, b, mask], {})
}
