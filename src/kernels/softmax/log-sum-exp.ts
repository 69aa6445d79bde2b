import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { formatShape, normalizeAxes, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { type ReduceOptions, reducedShape } from '../reduce/reduce.js'
import { largestOf, reduceReference } from '../reduce/reference.js'
import { axisRuns } from '../variance/fold.js'
import { runExponentialSums } from './fold.js'

/** The gradient is the softmax; by largest and sum it keeps its digits where their log-sum-exp would have lost them. */
const gradient = {
  name: 'logSumExp gradient',
  arguments: ['x', 'largest', 'sum', 'g'],
  expression: 'g * exp(x - largest) / sum',
  options: [],
}

const logSumExpOp = defineOp<ReduceOptions>({
  name: 'logSumExp',
  doc: 'Logarithm of the sum of exponentials, over axes.',
  shape([x], options) {
    checkDType('logSumExp', ['f32', 'f16'], x!)
    const axes = normalizeAxes('logSumExp', options.axes, x!.shape.length)
    if (axes.some((axis) => x!.shape[axis] === 0)) {
      throw new ShapeError(`logSumExp: no elements to sum in shape ${formatShape(x!.shape)}`)
    }
    return [{ shape: reducedShape('logSumExp', x!.shape, options), dtype: x!.dtype }]
  },
  forward(context, [x], options) {
    const y = context.empty()
    const axes = normalizeAxes('logSumExp', options.axes, x!.shape.length)
    const runs = axisRuns(x!.shape, axes)
    if (!context.recording) {
      runExponentialSums(context, x!, runs, { logSumExp: y })
      return y
    }
    const kept = reducedShape('logSumExp', x!.shape, { axes, keepDims: true })
    const largest = context.empty(kept, 'f32')
    const sum = context.empty(kept, 'f32')
    runExponentialSums(context, x!, runs, { largest, sum, logSumExp: y })
    context.save(x!, largest, sum)
    return y
  },
  backward(context, [dy], [x, largest, sum]) {
    const dx = context.empty(x!.shape, x!.dtype)
    const inputs = [x!, largest!, sum!, dy!.alias(sum!.shape)]
    runElementwise({ fn: gradient, options: [], inputs, output: dx }, context.run)
    return [dx]
  },
  reference: ([x], options) => {
    const axes = normalizeAxes('logSumExp', options.axes, x!.shape.length)
    const of = (values: readonly number[]) => {
      const largest = largestOf(values)
      return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0))
    }
    return [reduceReference(x!, axes, reducedShape('logSumExp', x!.shape, options), of)]
  },
  cost: ([x]) => ({ flops: 3 * sizeOf(x!.shape), bytes: 4 * sizeOf(x!.shape) }),
  cases: [
    { name: 'last axis', inputs: [{ shape: [3, 4, 37], range: [-5, 5] }], options: { axes: -1 } },
    { name: 'first axis', inputs: [{ shape: [100, 3, 2] }], options: { axes: 0, keepDims: true } },
    { name: 'split axes', inputs: [{ shape: [3, 4, 5, 2] }], options: { axes: [0, 2] } },
    { name: 'everything', inputs: [{ shape: [4, 5] }], options: {} },
    { name: 'one element', inputs: [{ shape: [3, 1] }], options: { axes: 1 } },
    {
      name: 'large logits',
      inputs: [{ shape: [2, 3], values: [1e4, -1e4, 9999, -1e4, -9998, -9999] }],
      options: { axes: 1 },
    },
    { name: 'rows', inputs: [{ shape: [8192, 1024] }], options: { axes: 1 }, bench: true },
    { name: 'few long rows', inputs: [{ shape: [4, 1 << 20] }], options: { axes: 1 }, bench: true },
  ],
})

/**
 * `log(sum(exp(x)))` over `axes` (default all) of a float tensor, without overflow for logits of any magnitude.
 *
 * @throws ShapeError when a reduced axis is empty.
 */
export function logSumExp(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(logSumExpOp, [x], options)
}
