import { checkDType } from '../../engine/dtype.js'
import { apply, defineOp } from '../../engine/op.js'
import { normalizeAxes, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { type ReduceOptions, reducedShape } from '../reduce/reduce.js'
import { reduceReference } from '../reduce/reference.js'
import { axisRuns } from './fold.js'
import { runMappedSum } from './mapped-sum.js'

const gradient = {
  name: 'normL2 gradient',
  arguments: ['x', 'norm', 'g'],
  expression: 'select(g * x / norm, 0.0, norm == 0.0)',
  options: [],
}

const normL2Op = defineOp<ReduceOptions>({
  name: 'normL2',
  doc: 'Square root of the sum of squares, over axes.',
  shape([x], options) {
    checkDType('normL2', ['f32', 'f16'], x!)
    return [{ shape: reducedShape('normL2', x!.shape, options), dtype: x!.dtype }]
  },
  forward(context, [x], options) {
    const y = context.empty()
    const axes = normalizeAxes('normL2', options.axes, x!.shape.length)
    runMappedSum(context, {
      name: 'norm of x',
      operands: [{ name: 'x', tensor: x! }],
      terms: ['x * x'],
      results: [{ tensor: y, finish: 'sqrt(s0)' }],
      runs: axisRuns(x!.shape, axes),
    })
    context.save(x!, y)
    return y
  },
  backward(context, [dy], [x, y], options) {
    const dx = context.empty(x!.shape, x!.dtype)
    const kept = reducedShape('normL2', x!.shape, { ...options, keepDims: true })
    const inputs = [x!, y!.alias(kept), dy!.alias(kept)]
    runElementwise({ fn: gradient, options: [], inputs, output: dx }, context.run)
    return [dx]
  },
  reference: ([x], options) => {
    const axes = normalizeAxes('normL2', options.axes, x!.shape.length)
    return [reduceReference(x!, axes, reducedShape('normL2', x!.shape, options), (values) => Math.hypot(...values))]
  },
  cost: ([x]) => ({ flops: 2 * sizeOf(x!.shape), bytes: 4 * sizeOf(x!.shape) }),
  cases: [
    { name: 'last axis', inputs: [{ shape: [3, 4, 37] }], options: { axes: -1 } },
    { name: 'first axis', inputs: [{ shape: [50, 3, 2] }], options: { axes: 0, keepDims: true } },
    { name: 'split axes', inputs: [{ shape: [3, 4, 5, 2] }], options: { axes: [0, 2] } },
    { name: 'everything', inputs: [{ shape: [4, 5] }], options: {} },
    { name: 'embeddings', inputs: [{ shape: [32768, 768] }], options: { axes: 1 }, bench: true },
  ],
})

/** Euclidean norm over `axes` (default all) of a float tensor. The gradient at a zero vector is zero. */
export function normL2(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(normL2Op, [x], options)
}
