/** Contrastive losses of all pairs of two sets of embeddings, in memory linear in their number. */
import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { defineOp, type ForwardContext } from '../../engine/op.js'
import { formatShape, sameShape } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { add, cast, div, mul } from '../elementwise/index.js'
import { concat } from '../join/index.js'
import { slice } from '../layout/index.js'
import { sum } from '../reduce/index.js'
import { runMappedSum } from '../variance/mapped-sum.js'
import { contrastiveCases } from './cases.js'
import { finishKernel, leastLength, lossSides } from './kernel.js'
import type { ContrastiveOptions, Side, TargetKind } from './problem.js'
import { type ContrastiveArrays, contrastiveReference } from './reference.js'
import type { TargetName } from './targets.js'
import { type Pairs, runAllWeights, runGradients, runStatistics } from './walk.js'

/** Inputs in their order: image, text, scale, shift if pairwise, targets, weights of images and texts. */
function split<T>(inputs: readonly T[], { pairwise, kind, symmetric, weighted }: ContrastiveOptions) {
  const [image, text, scale, ...rest] = inputs as [T, T, T, ...T[]]
  const shift = pairwise ? rest.shift() : undefined
  const count = { diagonal: 0, groups: 2, mask: 1, soft: symmetric ? 2 : 1 }[kind]
  const targets = rest.splice(0, count)
  return { image, text, scale, shift, targets, weights: weighted ? rest : [] }
}

/** Inputs with everything but embeddings and integers in f32: kernels read f16 only where it saves memory. */
const widened = (inputs: readonly Tensor[]): Tensor[] =>
  inputs.map((input, i) => (i > 1 && input.dtype === 'f16' ? cast(input, 'f32') : input))

const targetOrder = {
  diagonal: [],
  groups: ['imageGroup', 'textGroup'],
  mask: ['mask'],
  soft: ['imageSoft', 'textSoft'],
} as const satisfies Record<TargetKind, readonly TargetName[]>

type Inverses = Readonly<Record<Side, Tensor>> | undefined

function pairsOf(inputs: readonly Tensor[], options: ContrastiveOptions, inverses: Inverses): Pairs {
  const { image, text, scale, shift, targets } = split(inputs, options)
  const names = targetOrder[options.kind].slice(0, targets.length)
  const factors = shift ? concat([scale.alias([1]), shift.alias([1])], 0) : scale
  return { image, text, factors, inverses, targets: Object.fromEntries(names.map((name, i) => [name, targets[i]!])) }
}

/** 1 / length of each row. */
function inverseLengths(context: ForwardContext, x: Tensor): Tensor {
  const [outer, length] = x.shape as [number, number]
  const inverse = context.empty([outer], 'f32')
  runMappedSum(context, {
    name: 'inverse length',
    operands: [{ name: 'x', tensor: x }],
    terms: ['x * x'],
    results: [{ tensor: inverse, finish: '1.0 / max(sqrt(s0), o0)' }],
    runs: [{ outer, length, inner: 1 }],
    options: [leastLength],
  })
  return inverse
}

/** Loss of one side's rows, and what gradients need of them. */
function finish(
  context: ForwardContext,
  inputs: readonly Tensor[],
  options: ContrastiveOptions,
  side: Side,
  statistics: Tensor,
) {
  const { weights, ...parts } = split(inputs, options)
  const [own, other] = [parts[side].shape[0]!, parts[side === 'image' ? 'text' : 'image'].shape[0]!]
  const losses = context.empty([own], 'f32')
  const coefficients = context.empty([own, 8], 'f32')
  const weight = weights[side === 'image' ? 0 : 1]
  context.run({
    kernel: finishKernel,
    problem: { ...options, own, other },
    inputs: [statistics, ...(weight ? [weight, sum(weight)] : [])],
    outputs: [losses, coefficients],
  })
  return { loss: sum(losses), coefficients }
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
  doc: 'Softmax or sigmoid loss of the similarities of all pairs, in memory linear in their number.',
  shape(inputs, options) {
    checkInputs(inputs, options)
    return [{ shape: [], dtype: 'f32' }]
  },
  forward(context, given, options) {
    const inputs = widened(given)
    const [image, text] = inputs as [Tensor, Tensor]
    const inverses = options.normalize
      ? { image: inverseLengths(context, image), text: inverseLengths(context, text) }
      : undefined
    const pairs = pairsOf(inputs, options, inverses)
    const { statistics, logits } = runStatistics(context, options, pairs)
    const sides = lossSides(options)
    const finished = sides.map((side) => finish(context, inputs, options, side, statistics[side]!))
    const coefficients = Object.fromEntries(sides.map((side, i) => [side, finished[i]!.coefficients]))
    context.save(...inputs, ...Object.values(coefficients))
    if (inverses) context.save(inverses.image, inverses.text)
    if (options.pairwise) context.save(statistics.image!)
    if (logits && context.recording) {
      runAllWeights(context, options, pairs, coefficients, logits)
      context.save(logits)
    }
    return finished.map(({ loss }) => loss).reduce((total, loss) => add(total, loss))
  },
  backward(context, [dy], saved, options) {
    const inputs = saved.slice(0, context.inputs.length)
    const rest = saved.slice(context.inputs.length)
    const sides = lossSides(options)
    const coefficients = Object.fromEntries(sides.map((side) => [side, rest.shift()!]))
    const inverses = options.normalize ? { image: rest.shift()!, text: rest.shift()! } : undefined
    const statistics = options.pairwise ? rest.shift() : undefined
    const weights = rest.shift()
    const parts = split(inputs, options)
    const [needsImage, needsText, needsScale, needsShift] = context.needs
    const wanted: Side[] = [
      ...(needsImage || needsScale ? ['image' as const] : []),
      ...(needsText ? ['text' as const] : []),
    ]
    const made = runGradients(context, options, {
      pairs: pairsOf(inputs, options, inverses),
      lossGradient: dy!,
      made: weights ? { weights } : { coefficients },
      wanted,
    })
    const stored = (side: Side, index: number) => made[side] && cast(made[side].gradient, context.inputs[index]!.dtype)
    // Every logit is linear in the scale.
    const ofScale = needsScale ? div(sum(made.image!.products), parts.scale.alias([])) : undefined
    return [
      needsImage ? stored('image', 0) : undefined,
      stored('text', 1),
      ofScale?.alias(parts.scale.shape),
      ...(options.pairwise ? [needsShift ? shiftGradient(statistics!, dy!).alias(parts.shift!.shape) : undefined] : []),
    ]
  },
  reference(inputs, options) {
    const loss = contrastiveReference(split(inputs, options) as ContrastiveArrays, options)
    return [{ data: Float64Array.of(loss), shape: [] }]
  },
  cost([image, text]) {
    const [n, m, features] = [image!.shape[0]!, text!.shape[0]!, image!.shape[1]!]
    return { flops: 2 * n * m * features, bytes: 4 * (n + m) * features }
  },
  cases: contrastiveCases,
})

/** Of the pairwise loss: the mean over images of what their logits lack or have too much. */
function shiftGradient(statistics: Tensor, dy: Tensor): Tensor {
  const [images] = statistics.shape as [number]
  const residuals = slice(statistics, [
    [0, images, 1],
    [1, 2, 1],
  ])
  return div(mul(sum(residuals), dy), images)
}
