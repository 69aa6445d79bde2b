/** Losses that are functions of single elements, summed up in the kernel that computes them. */
import { checkDType } from '../../engine/dtype.js'
import {
  type BackwardContext,
  type CaseInput,
  defineOp,
  type ForwardContext,
  type OpCase,
  type OpDefinition,
  type ReferenceArray,
} from '../../engine/op.js'
import { broadcastShapes, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { type ElementwiseFunction, runElementwise } from '../elementwise/kernel.js'
import { broadcastReader } from '../elementwise/op.js'
import { runReduce } from '../reduce/kernel.js'
import { sumTo } from '../reduce/sum-to.js'
import { type Follow, runMappedSum } from '../variance/mapped-sum.js'
import type { Reduction } from './reduction.js'

/** One loss. Expressions are WGSL over the arguments, the options and the functions of `elementwise/math.wgsl`. */
export interface PointwiseLoss {
  readonly name: string
  readonly doc: string
  readonly arguments: readonly string[]
  /** Names of at most two numbers. */
  readonly options?: readonly string[]
  readonly forward: string
  /** Derivatives by the arguments. */
  readonly gradients: readonly string[]
  readonly reference: (values: readonly number[], options: readonly number[]) => number
  /** Where tests take each argument from; default [-1, 1]. */
  readonly ranges?: readonly (readonly [number, number] | undefined)[]
  /** Shapes of the arguments in tests; each set is tried with every reduction. */
  readonly shapes: readonly (readonly Shape[])[]
  /** Values of the options in tests. */
  readonly example?: readonly number[]
}

export interface LossOptions {
  readonly reduction: Reduction
  /** In the order of the loss' option names. */
  readonly values: readonly number[]
}

export function definePointwiseLoss(loss: PointwiseLoss): OpDefinition<LossOptions> {
  const names = loss.options ?? []
  const fn: ElementwiseFunction = {
    name: `${loss.name} loss`,
    arguments: loss.arguments,
    expression: loss.forward,
    options: names,
  }
  const broadcast = (inputs: readonly { shape: Shape }[]) =>
    broadcastShapes(loss.name, ...inputs.map(({ shape }) => shape))
  return defineOp<LossOptions>({
    name: loss.name,
    doc: loss.doc,
    shape(inputs, { reduction }) {
      checkDType(loss.name, ['f32', 'f16'], ...inputs)
      const shape = broadcast(inputs)
      if (reduction !== 'none') return [{ shape: [], dtype: 'f32' }]
      return [{ shape, dtype: inputs.every(({ dtype }) => dtype === 'f16') ? 'f16' : 'f32' }]
    },
    forward(context, inputs, { reduction, values }) {
      context.save(...inputs)
      if (reduction === 'none') {
        const y = context.empty()
        runElementwise({ fn, options: values, inputs, output: y }, context.run)
        return y
      }
      const shape = broadcast(inputs)
      return reduced(loss, context, inputs, shape, reduction === 'mean' ? 1 / Math.max(1, sizeOf(shape)) : 1, values)
    },
    backward(context, [dy], saved, { reduction, values }) {
      const shape = broadcast(saved)
      const factor = reduction === 'mean' ? 1 / Math.max(1, sizeOf(shape)) : 1
      return loss.gradients.map((_, i) => {
        if (!context.needs[i]) return undefined
        return gradient(loss, i, context, [...saved, dy!], shape, [...values, factor])
      })
    },
    reference: (inputs, options) => [referenceOf(loss, inputs, options)],
    cost: (inputs) => ({
      flops: 4 * sizeOf(broadcast(inputs)),
      bytes: 4 * inputs.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    }),
    cases: casesOf(loss),
  })
}

/** The scaled sum of the loss, in one pass where the inputs follow each other simply. */
function reduced(
  loss: PointwiseLoss,
  context: ForwardContext,
  inputs: readonly Tensor[],
  shape: Shape,
  scale: number,
  values: readonly number[],
): Tensor {
  const follows = followsOf(inputs, shape)
  const names = loss.options ?? []
  if (!follows) {
    const each = context.empty(shape, 'f32')
    const fn = { name: `${loss.name} loss`, arguments: loss.arguments, expression: loss.forward, options: names }
    runElementwise({ fn, options: values, inputs, output: each }, context.run)
    const axes = shape.map((_, axis) => axis)
    return runReduce(context, each, { mode: 'sum', axes, dtype: 'f32', outputShape: [], scale })
  }
  const y = context.empty([], 'f32')
  const renamed = names.reduce(
    (text, name, i) => text.replaceAll(new RegExp(`\\b${name}\\b`, 'g'), `o${i}`),
    loss.forward,
  )
  const period = inputs.find((_, i) => follows[i] === 'period')?.size
  runMappedSum(context, {
    name: `${loss.name} loss`,
    operands: inputs.map((tensor, i) => ({ name: loss.arguments[i]!, tensor, follow: follows[i]! })),
    terms: [renamed],
    results: [{ tensor: y, finish: 's0 * o3' }],
    runs: [{ outer: 1, length: sizeOf(shape), inner: 1 }],
    ...(period === undefined ? {} : { period }),
    options: [values[0] ?? 0, values[1] ?? 0, 0, scale],
  })
  return y
}

/** How inputs follow the elements of `shape`; undefined when they repeat in more than one way. */
function followsOf(inputs: readonly TensorSpec[], shape: Shape): Follow[] | undefined {
  const size = sizeOf(shape)
  let period: number | undefined
  const follows: Follow[] = []
  for (const input of inputs) {
    const own = sizeOf(input.shape)
    if (own === size) follows.push('element')
    else if (own === 1) follows.push('output')
    else {
      const extents = input.shape.slice(input.shape.findIndex((extent) => extent !== 1))
      const trails = extents.every((extent, i) => extent === shape[shape.length - extents.length + i])
      if (!trails || (period !== undefined && period !== own)) return undefined
      period = own
      follows.push('period')
    }
  }
  return follows
}

function gradient(
  loss: PointwiseLoss,
  index: number,
  context: BackwardContext,
  inputs: readonly Tensor[],
  shape: Shape,
  options: readonly number[],
): Tensor {
  const expression = `g * factor * (${loss.gradients[index]})`
  const used = [...loss.arguments, 'g'].map((name) => new RegExp(`\\b${name}\\b`).test(expression))
  const fn: ElementwiseFunction = {
    name: `${loss.name} loss gradient ${index}`,
    arguments: [...loss.arguments, 'g'].filter((_, i) => used[i]),
    expression,
    options: [...(loss.options ?? []), 'factor'],
  }
  const input = context.inputs[index]!
  const output = context.empty(shape, sizeOf(input.shape) === sizeOf(shape) ? input.dtype : 'f32')
  runElementwise({ fn, options, inputs: inputs.filter((_, i) => used[i]), output }, context.run)
  return sumTo(context, output, input.shape)
}

function referenceOf(
  loss: PointwiseLoss,
  inputs: readonly ReferenceArray[],
  { reduction, values }: LossOptions,
): ReferenceArray {
  const shape = broadcastShapes(loss.name, ...inputs.map((input) => input.shape))
  const readers = inputs.map((input) => broadcastReader(input, shape))
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, i) =>
    loss.reference(
      readers.map((read) => read(i)),
      values,
    ),
  )
  if (reduction === 'none') return { data, shape }
  const sum = data.reduce((total, value) => total + value, 0)
  return { data: Float64Array.of(reduction === 'mean' ? sum / data.length : sum), shape: [] }
}

function casesOf(loss: PointwiseLoss): OpCase<LossOptions>[] {
  const values = loss.example ?? []
  const input = (shape: Shape, i: number): CaseInput => ({ shape, range: loss.ranges?.[i] ?? [-1, 1] })
  return [
    ...loss.shapes.flatMap((shapes, s) =>
      (['mean', 'sum', 'none'] as const).map((reduction) => ({
        name: `${reduction}, shapes ${s}`,
        inputs: shapes.map(input),
        options: { reduction, values },
      })),
    ),
    {
      name: 'volume',
      inputs: loss.shapes[0]!.map((_, i) => input([96 ** 3], i)),
      options: { reduction: 'mean', values },
      bench: true,
    },
  ]
}
