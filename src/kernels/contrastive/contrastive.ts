/** Contrastive losses of all pairs of two sets of embeddings, without a tensor of logits. */
import { checkDType, type DType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { type BackwardContext, defineOp, type ForwardContext } from '../../engine/op.js'
import { formatShape, sameShape } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { add, cast, div, mul } from '../elementwise/index.js'
import { slice } from '../layout/index.js'
import { sum } from '../reduce/index.js'
import { contrastiveCases } from './cases.js'
import { coefficientSides, finishKernel, gradientKernel, statisticsKernel, targetNames } from './kernel.js'
import { type ContrastiveOptions, hasLoss, type Side, type SideProblem } from './problem.js'
import { type ContrastiveArrays, contrastiveReference } from './reference.js'

/** Inputs in their order: image, text, scale, shift if pairwise, targets, weights of images and texts. */
function split<T>(inputs: readonly T[], { pairwise, kind, symmetric, weighted }: ContrastiveOptions) {
  const [image, text, scale, ...rest] = inputs as [T, T, T, ...T[]]
  const shift = pairwise ? rest.shift() : undefined
  const count = { diagonal: 0, groups: 2, mask: 1, soft: symmetric ? 2 : 1 }[kind]
  const targets = rest.splice(0, count)
  return { image, text, scale, shift, targets, weights: weighted ? rest : [] }
}

function sideProblem(inputs: readonly TensorSpec[], options: ContrastiveOptions, side: Side): SideProblem {
  const { image, text } = split(inputs, options)
  const [own, other] = side === 'image' ? [image, text] : [text, image]
  return {
    ...options,
    side,
    ownCount: own.shape[0]!,
    otherCount: other.shape[0]!,
    features: own.shape[1]!,
    ownType: own.dtype,
    otherType: other.dtype,
  }
}

/** Targets as a side's kernel names them. */
function targetTensors(inputs: readonly Tensor[], options: ContrastiveOptions, problem: SideProblem, both: boolean) {
  const { targets } = split(inputs, options)
  const [forth, back] = targets as [Tensor, Tensor]
  const mine = problem.side === 'image' ? [forth, back] : [back, forth]
  const known: Record<string, Tensor | undefined> = {
    ownGroup: mine[0],
    otherGroup: mine[1],
    mask: forth,
    ownSoft: mine[0],
    otherSoft: mine[1],
  }
  return targetNames(problem, both).map((name) => known[name]!)
}

/** Inputs with everything but embeddings and integers in f32: kernels read f16 only where it saves memory. */
const widened = (inputs: readonly Tensor[]): Tensor[] =>
  inputs.map((input, i) => (i > 1 && input.dtype === 'f16' ? cast(input, 'f32') : input))

const ownAndOther = <T>({ image, text }: { image: T; text: T }, side: Side): [T, T] =>
  side === 'image' ? [image, text] : [text, image]

/** Losses, coefficients and statistics of one side's rows. */
function runSide(context: ForwardContext, inputs: readonly Tensor[], options: ContrastiveOptions, side: Side) {
  const parts = split(inputs, options)
  const problem = sideProblem(inputs, options, side)
  const statistics = context.empty([problem.ownCount, 8], 'f32')
  const given = [...ownAndOther(parts, side), parts.scale, ...(parts.shift ? [parts.shift] : [])]
  context.run({
    kernel: statisticsKernel,
    problem,
    inputs: [...given, ...targetTensors(inputs, options, problem, false)],
    outputs: [statistics],
  })
  const losses = context.empty([problem.ownCount], 'f32')
  const coefficients = context.empty([problem.ownCount, 8], 'f32')
  const weight = parts.weights[side === 'image' ? 0 : 1]
  const weights = weight ? [weight, sum(weight)] : []
  context.run({ kernel: finishKernel, problem, inputs: [statistics, ...weights], outputs: [losses, coefficients] })
  return { loss: sum(losses), coefficients, statistics }
}

function rowsGradient(
  context: BackwardContext,
  inputs: readonly Tensor[],
  options: ContrastiveOptions,
  side: Side,
  coefficients: Record<Side, Tensor | undefined>,
): Tensor {
  const parts = split(inputs, options)
  const problem = sideProblem(inputs, options, side)
  const [own, other] = ownAndOther(parts, side)
  const mine = { own: coefficients[side], other: coefficients[side === 'image' ? 'text' : 'image'] }
  const gradient = context.empty(own.shape)
  context.run({
    kernel: gradientKernel,
    problem,
    inputs: [
      ...[own, other, parts.scale, ...(parts.shift ? [parts.shift] : [])],
      ...coefficientSides(problem).map((name) => mine[name]!),
      ...targetTensors(inputs, options, problem, true),
    ],
    outputs: [gradient],
  })
  return gradient
}

function checkInputs(inputs: readonly TensorSpec[], options: ContrastiveOptions): void {
  const { image, text, scale, shift, targets, weights } = split(inputs, options)
  checkDType('contrastive', ['f32', 'f16'], image, text, scale, ...(shift ? [shift] : []), ...weights)
  const [n = 0, features] = image.shape
  const [m = 0, same] = text.shape
  const sizes = `images ${formatShape(image.shape)} and texts ${formatShape(text.shape)}`
  if (image.shape.length !== 2 || text.shape.length !== 2 || features !== same || features === 0) {
    throw new ShapeError(`contrastive: takes images [N, D] and texts [M, D], got ${sizes}`)
  }
  const wanted = {
    diagonal: [],
    groups: [[n], [m]],
    mask: [[n, m]],
    soft: [
      [n, m],
      [m, n],
    ],
  }[options.kind]
  const types = { diagonal: [], groups: ['i32'], mask: ['u32', 'i32'], soft: ['f32', 'f16'] } as const
  for (const [i, target] of targets.entries()) {
    checkDType('contrastive: targets', types[options.kind], target)
    if (!sameShape(target.shape, wanted[i]!)) {
      throw new ShapeError(
        `contrastive: targets ${formatShape(target.shape)} are not ${formatShape(wanted[i]!)} of ${sizes}`,
      )
    }
  }
  for (const [i, weight] of weights.entries()) {
    if (!sameShape(weight.shape, [[n], [m]][i]!)) {
      throw new ShapeError(`contrastive: weights ${formatShape(weight.shape)} are not one for each of ${sizes}`)
    }
  }
}

export const contrastiveOp = defineOp<ContrastiveOptions>({
  name: 'contrastive',
  doc: 'Softmax or sigmoid loss of the similarities of all pairs; logits are never stored.',
  shape(inputs, options) {
    checkInputs(inputs, options)
    return [{ shape: [], dtype: 'f32' }]
  },
  forward(context, given, options) {
    const inputs = widened(given)
    const image = runSide(context, inputs, options, 'image')
    const text = hasLoss(options, 'text') ? runSide(context, inputs, options, 'text') : undefined
    context.save(...inputs, image.coefficients, image.statistics, ...(text ? [text.coefficients] : []))
    return text ? add(image.loss, text.loss) : image.loss
  },
  backward(context, [dy], saved, options) {
    const count = context.inputs.length
    const inputs = saved.slice(0, count)
    const [imageType, textType] = context.inputs.map(({ dtype }) => dtype)
    const [image, statistics, text] = saved.slice(count) as [Tensor, Tensor, Tensor | undefined]
    const parts = split(inputs, options)
    const [needsImage, needsText, needsScale, needsShift] = context.needs
    const coefficients = { image, text }
    const gradient = (side: Side) => rowsGradient(context, inputs, options, side, coefficients)
    const ofImage = needsImage || needsScale ? gradient('image') : undefined
    const ofText = needsText ? gradient('text') : undefined
    // Every logit is linear in the scale: image . dimage is scale times the scale's gradient.
    const ofScale = needsScale ? div(sum(mul(cast(parts.image, 'f32'), ofImage!)), parts.scale) : undefined
    const [rows] = statistics.shape as [number]
    const residuals = [
      [0, rows, 1],
      [1, 2, 1],
    ] as const
    const ofShift = needsShift && options.pairwise ? div(sum(slice(statistics, residuals)), rows) : undefined
    const scaled = (value: Tensor | undefined, shape?: readonly number[]) =>
      value && (shape ? mul(value, dy!).alias(shape) : mul(value, dy!))
    const stored = (value: Tensor | undefined, dtype: DType | undefined) => value && cast(value, dtype!)
    return [
      stored(needsImage ? scaled(ofImage) : undefined, imageType),
      stored(scaled(ofText), textType),
      scaled(ofScale, parts.scale.shape),
      ...(options.pairwise ? [scaled(ofShift, parts.shift!.shape)] : []),
    ]
  },
  reference(inputs, options) {
    const loss = contrastiveReference(split(inputs, options) as ContrastiveArrays, options)
    return [{ data: Float64Array.of(loss), shape: [] }]
  },
  cost([image, text], options) {
    const pairs = image!.shape[0]! * text!.shape[0]!
    const rows = image!.shape[0]! + text!.shape[0]!
    const walks = hasLoss(options, 'text') ? 2 : 1
    return { flops: 2 * walks * pairs * image!.shape[1]!, bytes: 4 * walks * rows * image!.shape[1]! }
  },
  cases: contrastiveCases,
})
