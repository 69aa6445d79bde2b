import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { formatShape, normalizeAxes, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { type ReduceOptions, reducedShape } from '../reduce/reduce.js'
import { reduceReference } from '../reduce/reference.js'
import { axisRuns } from './fold.js'
import { runMoments } from './moments.js'

export interface VarianceOptions extends ReduceOptions {
  /** Divides by the count less one (Bessel's correction). Default false. */
  readonly unbiased?: boolean | undefined
}

const degreesTaken = ({ unbiased }: VarianceOptions) => (unbiased ? 1 : 0)

/** Elements behind one output. */
function countOf(shape: readonly number[], { axes }: ReduceOptions): number {
  return normalizeAxes('variance', axes, shape.length).reduce((count, axis) => count * shape[axis]!, 1)
}

/** d/dx of the variance: 2 (x - mean) / divisor. */
const gradient = {
  name: 'variance gradient',
  arguments: ['x', 'mean', 'g'],
  expression: 'factor * g * (x - mean)',
  options: ['factor'],
}

const varianceOp = defineOp<VarianceOptions>({
  name: 'variance',
  doc: 'Mean squared deviation from the mean, over axes.',
  shape([x], options) {
    checkDType('variance', ['f32', 'f16'], x!)
    const count = countOf(x!.shape, options)
    if (count <= degreesTaken(options)) {
      throw new ShapeError(
        `variance: ${options.unbiased ? 'an unbiased variance takes two elements or more' : 'no elements'}, ` +
          `and there are ${count} to each output of shape ${formatShape(x!.shape)}`,
      )
    }
    return [{ shape: reducedShape('variance', x!.shape, options), dtype: x!.dtype }]
  },
  forward(context, [x], options) {
    const y = context.empty()
    const axes = normalizeAxes('variance', options.axes, x!.shape.length)
    const kept = reducedShape('variance', x!.shape, { axes, keepDims: true })
    const mean = context.recording ? context.empty(kept, 'f32') : undefined
    runMoments(context, x!, axisRuns(x!.shape, axes), {
      ...(mean ? { mean } : {}),
      variance: { tensor: y, degreesTaken: degreesTaken(options) },
    })
    if (mean) context.save(x!, mean)
    return y
  },
  backward(context, [dy], [x, mean], options) {
    const dx = context.empty(x!.shape, x!.dtype)
    const factor = 2 / (countOf(x!.shape, options) - degreesTaken(options))
    const inputs = [x!, mean!, dy!.alias(mean!.shape)]
    runElementwise({ fn: gradient, options: [factor], inputs, output: dx }, context.run)
    return [dx]
  },
  reference: ([x], options) => {
    const axes = normalizeAxes('variance', options.axes, x!.shape.length)
    const of = (values: readonly number[]) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length
      const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
      return squares / (values.length - degreesTaken(options))
    }
    return [reduceReference(x!, axes, reducedShape('variance', x!.shape, options), of)]
  },
  cost: ([x]) => ({ flops: 3 * sizeOf(x!.shape), bytes: 4 * sizeOf(x!.shape) }),
  cases: [
    { name: 'last axis', inputs: [{ shape: [3, 4, 37] }], options: { axes: -1 } },
    { name: 'first axis, unbiased', inputs: [{ shape: [50, 3, 2] }], options: { axes: 0, unbiased: true } },
    { name: 'split axes', inputs: [{ shape: [3, 4, 5, 2] }], options: { axes: [0, 2], keepDims: true } },
    { name: 'everything', inputs: [{ shape: [4, 5] }], options: {} },
    { name: 'one element', inputs: [{ shape: [3, 1] }], options: { axes: 1 } },
    { name: 'far from zero', inputs: [{ shape: [2, 90], range: [1000, 1001] }], options: { axes: 1 } },
    { name: 'channels of a volume', inputs: [{ shape: [96 ** 3, 32] }], options: { axes: 0 }, bench: true },
    { name: 'rows', inputs: [{ shape: [8192, 1024] }], options: { axes: 1 }, bench: true },
  ],
})

/**
 * Mean squared deviation over `axes` (default all), divided by the count, or by the count less one if `unbiased`. One
 * pass over a float tensor, accurate also where the mean is much larger than the deviation.
 *
 * @throws ShapeError when there are no elements, or a single one and `unbiased`.
 */
export function variance(x: Tensor, options: VarianceOptions = {}): Tensor {
  return apply(varianceOp, [x], options)
}
