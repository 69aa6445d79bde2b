import { checkDType, type DType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { defineKernel } from '../../engine/kernel.js'
import { applyAll, defineOp } from '../../engine/op.js'
import { formatShape, normalizeAxis, type Shape, sizeOf } from '../../engine/shape.js'
import { type Tensor, zeros } from '../../engine/tensor.js'
import orderWgsl from '../argreduce/order.wgsl'
import { aroundAxis, type Extents } from '../variance/fold.js'
import scatterWgsl from './scatter.wgsl'
import selectWgsl from './select.wgsl'

export interface TopKOptions {
  /** How many elements; at most the axis' length. */
  readonly k: number
  /** Default -1, the last. */
  readonly axis?: number | undefined
}

interface TopKProblem extends Extents {
  readonly k: number
  readonly dtype: DType
}

/** Pairs that are sorted in workgroup memory, 8 bytes each; half of what every adapter has. */
const localPairs = 1024

const paddedLength = (k: number) => 2 ** Math.ceil(Math.log2(k))

const selectKernel = defineKernel<TopKProblem>({
  name: 'topK',
  variants: [
    {
      name: 'portable',
      wgsl: selectWgsl,
      key: ({ k, dtype }) => `|${dtype}|${k <= localPairs}`,
      specialize: ({ k, dtype }) => ({
        types: { Element: dtype },
        constants: { LOCAL: k <= localPairs, LOCAL_PAIRS: k <= localPairs ? localPairs : 1 },
        code: orderWgsl,
      }),
      parameters: (writer, { outer, length, inner, k }) =>
        writer
          .u32(outer * inner)
          .u32(length)
          .u32(inner)
          .u32(k)
          .u32(paddedLength(k)),
      workgroups: ({ outer, inner }) => outer * inner,
    },
  ],
})

const scatterKernel = defineKernel<TopKProblem>({
  name: 'topKScatter',
  variants: [
    {
      name: 'portable',
      wgsl: scatterWgsl,
      specialize: ({ dtype }) => ({ types: { Element: dtype } }),
      parameters: (writer, { outer, length, inner, k }) =>
        writer
          .u32(outer * k * inner)
          .u32(k)
          .u32(inner)
          .u32(length),
      workgroups: ({ outer, inner, k }) => Math.ceil((outer * k * inner) / 256),
    },
  ],
})

function problemOf({ shape, dtype }: { shape: Shape; dtype: DType }, { k, axis = -1 }: TopKOptions): TopKProblem {
  return { ...aroundAxis(shape, normalizeAxis('topK', axis, shape.length)), k, dtype }
}

const topKOp = defineOp<TopKOptions>({
  name: 'topK',
  doc: 'The k largest elements along an axis, in descending order, and their positions.',
  shape([x], options) {
    checkDType('topK', ['f32', 'f16'], x!)
    const { length } = problemOf(x!, options)
    if (!Number.isInteger(options.k) || options.k < 0 || options.k > length) {
      throw new ShapeError(
        `topK: cannot take ${options.k} of the ${length} elements along an axis of ${formatShape(x!.shape)}`,
      )
    }
    const shape = x!.shape.with(normalizeAxis('topK', options.axis ?? -1, x!.shape.length), options.k)
    return [
      { shape, dtype: x!.dtype },
      { shape, dtype: 'i32' },
    ]
  },
  forward(context, [x], options) {
    const values = context.empty()
    const indices = context.empty(values.shape, 'i32')
    const problem = problemOf(x!, options)
    const { outer, inner, k } = problem
    if (values.size > 0) {
      const pairs = k <= localPairs ? 1 : outer * inner * paddedLength(k)
      const scratch = context.empty([pairs, 2], 'u32')
      context.run({ kernel: selectKernel, problem, inputs: [x!], outputs: [values, indices, scratch] })
    }
    context.save(indices)
    return [values, indices]
  },
  backward(context, [dy], [indices], options) {
    const input = context.inputs[0]!
    const dx = zeros(context.device, input.shape, { dtype: dy!.dtype })
    const problem = problemOf({ shape: input.shape, dtype: dy!.dtype }, options)
    context.run({ kernel: scatterKernel, problem, inputs: [dy!, indices!], outputs: [dx] })
    return [dx]
  },
  reference([x], options) {
    const { outer, length, inner, k } = problemOf({ shape: x!.shape, dtype: 'f32' }, options)
    const shape = x!.shape.with(normalizeAxis('topK', options.axis ?? -1, x!.shape.length), k)
    const values = new Float64Array(sizeOf(shape))
    const indices = new Float64Array(sizeOf(shape))
    for (let row = 0; row < outer * inner; row++) {
      const place = (i: number, extent: number) => (Math.floor(row / inner) * extent + i) * inner + (row % inner)
      const order = Array.from({ length }, (_, i) => i)
      order.sort((a, b) => x!.data[place(b, length)]! - x!.data[place(a, length)]! || a - b)
      for (let i = 0; i < k; i++) {
        values[place(i, k)] = x!.data[place(order[i]!, length)]!
        indices[place(i, k)] = order[i]!
      }
    }
    return [
      { data: values, shape },
      { data: indices, shape },
    ]
  },
  cost: ([x], { k }) => ({ flops: sizeOf(x!.shape), bytes: 4 * sizeOf(x!.shape) + 8 * k }),
  cases: [
    { name: 'last axis', inputs: [{ shape: [3, 4, 9] }], options: { k: 3 } },
    { name: 'middle axis', inputs: [{ shape: [2, 20, 3] }], options: { k: 5, axis: 1 } },
    { name: 'all of them', inputs: [{ shape: [2, 11] }], options: { k: 11, axis: -1 } },
    { name: 'one of one', inputs: [{ shape: [3, 1] }], options: { k: 1 } },
    { name: 'none', inputs: [{ shape: [3, 4] }], options: { k: 0 } },
    { name: 'beyond a workgroup', inputs: [{ shape: [1, 700], range: [-1000, 1000] }], options: { k: 300 } },
    { name: 'retrieval', inputs: [{ shape: [256, 100000] }], options: { k: 10 }, bench: true },
  ],
})

/**
 * The `k` largest elements of a float tensor along `axis` (default the last), in descending order, and their positions
 * as i32. Of equal elements the first ones are taken, in order; NaN counts as larger than everything. Gradients go to
 * the elements that were taken. Any `k` up to the axis' length.
 */
export function topK(x: Tensor, options: TopKOptions): { values: Tensor; indices: Tensor } {
  const [values, indices] = applyAll(topKOp, [x], options)
  return { values: values!, indices: indices! }
}
