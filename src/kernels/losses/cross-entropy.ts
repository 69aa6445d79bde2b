import { checkDType, isFloat } from '../../engine/dtype.js'
import { NotSupportedError, ShapeError } from '../../engine/errors.js'
import { apply, type BackwardContext, defineOp } from '../../engine/op.js'
import { formatShape, normalizeAxis, type Shape, sameShape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { runReduce } from '../reduce/kernel.js'
import { reducedShape } from '../reduce/reduce.js'
import { runExponentialSums } from '../softmax/fold.js'
import { aroundAxis } from '../variance/fold.js'
import { crossEntropyCases, crossEntropyReference } from './cross-entropy-cases.js'
import { type CrossEntropyCall, runLogitGradient, runRowLosses } from './cross-entropy-kernel.js'
import type { Reduction, ReductionOptions } from './reduction.js'

/** Inputs: logits, target and, if `weighted`, the class weights. */
export interface EntropyOptions {
  readonly axis: number
  readonly labelSmoothing: number
  readonly ignoreIndex: number
  readonly reduction: Reduction
  readonly weighted: boolean
}

/** A mean over no labels at all is 0. */
const divide = {
  name: 'crossEntropy mean',
  arguments: ['sum', 'weight'],
  expression: 'select(sum / weight, 0.0, weight == 0.0)',
  options: [],
}
/** The derivative by a class probability: the row's gradient times log-sum-exp less the logit. */
const targetGradient = {
  name: 'crossEntropy target gradient',
  arguments: ['x', 'largest', 'sum', 'g'],
  expression: 'factor * g * (largest - x + log(sum))',
  options: ['factor'],
}
const weigh = { name: 'crossEntropy weigh', arguments: ['x', 'weight'], expression: 'x * weight', options: [] }

const rowsShape = (shape: Shape, axis: number) => reducedShape('crossEntropy', shape, { axes: axis })

function checkInputs([logits, target, classWeight]: readonly TensorSpec[], { axis }: EntropyOptions): void {
  checkDType('crossEntropy', ['f32', 'f16'], logits!, ...(classWeight ? [classWeight] : []))
  const classes = logits!.shape[normalizeAxis('crossEntropy', axis, logits!.shape.length)]!
  const expected = isFloat(target!.dtype) ? logits!.shape : rowsShape(logits!.shape, axis)
  if (!sameShape(target!.shape, expected)) {
    throw new ShapeError(
      `crossEntropy: a target of ${target!.dtype} for logits ${formatShape(logits!.shape)} with classes along axis ` +
        `${axis} has shape ${formatShape(expected)}, got ${formatShape(target!.shape)}`,
    )
  }
  if (classWeight && !sameShape(classWeight.shape, [classes])) {
    throw new ShapeError(
      `crossEntropy: the class weights ${formatShape(classWeight.shape)} are not one for each of ${classes} classes`,
    )
  }
  if (classes === 0) throw new ShapeError(`crossEntropy: no classes in logits ${formatShape(logits!.shape)}`)
}

function callOf([logits, target, classWeight]: readonly Tensor[], options: EntropyOptions): CrossEntropyCall {
  const axis = normalizeAxis('crossEntropy', options.axis, logits!.shape.length)
  return {
    extents: aroundAxis(logits!.shape, axis),
    logits: logits!,
    target: target!,
    classWeight,
    smoothing: options.labelSmoothing,
    ignoreIndex: options.ignoreIndex,
  }
}

/** The gradient by soft targets. Rare, so it is put together from the pieces. */
function softGradient(context: BackwardContext, call: CrossEntropyCall, g: Tensor, factor: number): Tensor {
  const { logits, target, classWeight, extents } = call
  const { outer, length, inner } = extents
  const largest = context.empty([outer, 1, inner])
  const sum = context.empty([outer, 1, inner])
  runExponentialSums(context, logits, [extents], { largest, sum })
  const shape = [outer, length, inner]
  const part = context.empty(shape, classWeight ? 'f32' : target.dtype)
  const row = g.size === 1 ? g.alias([1, 1, 1]) : g.alias([outer, 1, inner])
  const inputs = [logits.alias(shape), largest, sum, row]
  const share = factor * (1 - call.smoothing)
  runElementwise({ fn: targetGradient, options: [share], inputs, output: part }, context.run)
  if (!classWeight) return part.alias(target.shape)
  const output = context.empty(target.shape, target.dtype)
  const weighted = [part, classWeight.alias([length, 1])]
  runElementwise({ fn: weigh, options: [], inputs: weighted, output: output.alias(shape) }, context.run)
  return output
}

const crossEntropyOp = defineOp<EntropyOptions>({
  name: 'crossEntropy',
  doc: 'Cross-entropy of the softmax along an axis of logits with labels or class probabilities.',
  shape(inputs, options) {
    checkInputs(inputs, options)
    return [{ shape: options.reduction === 'none' ? rowsShape(inputs[0]!.shape, options.axis) : [], dtype: 'f32' }]
  },
  forward(context, inputs, options) {
    const call = callOf(inputs, options)
    const { outer, inner } = call.extents
    const labelled = !isFloat(call.target.dtype)
    const losses = context.empty([outer * inner], 'f32')
    const weights = labelled && options.reduction === 'mean' ? context.empty([outer * inner], 'f32') : undefined
    runRowLosses(context, call, losses, weights)
    const sumUp = (values: Tensor, scale = 1) =>
      runReduce(context, values, { mode: 'sum', axes: [0], dtype: 'f32', outputShape: [], scale })
    if (weights) {
      const y = context.empty()
      const total = sumUp(weights)
      runElementwise({ fn: divide, options: [], inputs: [sumUp(losses), total], output: y }, context.run)
      context.save(...inputs, total)
      return y
    }
    context.save(...inputs)
    if (options.reduction === 'none') return losses.alias(context.outputs[0]!.shape)
    return sumUp(losses, options.reduction === 'mean' ? 1 / Math.max(1, outer * inner) : 1)
  },
  backward(context, [dy], saved, options) {
    const inputs = saved.slice(0, options.weighted ? 3 : 2)
    const call = callOf(inputs, options)
    const { outer, inner } = call.extents
    const labelled = !isFloat(call.target.dtype)
    const factor = !labelled && options.reduction === 'mean' ? 1 / Math.max(1, outer * inner) : 1
    let g = dy!
    if (labelled && options.reduction === 'mean') {
      g = context.empty([], 'f32')
      runElementwise({ fn: divide, options: [], inputs: [dy!, saved.at(-1)!], output: g }, context.run)
    }
    let dx: Tensor | undefined
    if (context.needs[0]) {
      dx = context.empty(call.logits.shape, call.logits.dtype)
      runLogitGradient(context, call, g, factor, dx)
    }
    return [dx, context.needs[1] && !labelled ? softGradient(context, call, g, factor) : undefined]
  },
  reference: crossEntropyReference,
  cost: ([logits]) => ({ flops: 5 * sizeOf(logits!.shape), bytes: 4 * sizeOf(logits!.shape) }),
  cases: crossEntropyCases,
})

export interface CrossEntropyOptions extends ReductionOptions {
  /** The axis of the classes; default -1, the last. */
  readonly axis?: number | undefined
  /** Part of the target that is spread evenly over the classes. Default 0. */
  readonly labelSmoothing?: number | undefined
  /** Rows with this label count for nothing. Default -100. */
  readonly ignoreIndex?: number | undefined
  /** One weight for each class; not differentiated. */
  readonly classWeight?: Tensor | undefined
}

/**
 * Cross-entropy of `softmax(logits)` with a target: i32 (or u32) labels of the logits' shape without the class axis, or
 * class probabilities, floats of the logits' shape. f32. As in PyTorch, the mean over labels is weighted by the classes'
 * weights and leaves ignored rows out; the mean over probabilities divides by the number of rows. A mean over nothing
 * is 0. A label that is neither a class nor ignored makes the loss NaN. Stable for logits of any magnitude.
 *
 * @throws ShapeError when target or class weights do not fit the logits.
 */
export function crossEntropy(logits: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { axis = -1, labelSmoothing = 0, ignoreIndex = -100, classWeight, reduction = 'mean' } = options
  if (classWeight?.requiresGrad) {
    throw new NotSupportedError('crossEntropy: class weights have no gradient here: pass classWeight.detach()')
  }
  const inputs = [logits, target, ...(classWeight ? [classWeight] : [])]
  return apply(crossEntropyOp, inputs, {
    axis,
    labelSmoothing,
    ignoreIndex,
    reduction,
    weighted: classWeight !== undefined,
  })
}
