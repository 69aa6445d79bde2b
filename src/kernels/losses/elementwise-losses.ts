/** The losses of single elements: one entry each. */
import { apply } from '../../engine/op.js'
import type { Shape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { definePointwiseLoss } from './pointwise.js'
import type { ReductionOptions } from './reduction.js'

const pairs: readonly (readonly Shape[])[] = [
  [
    [3, 17],
    [3, 17],
  ],
  [
    [2, 3, 4],
    [3, 1],
  ],
]

const softPlus = (x: number) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))

const mseOp = definePointwiseLoss({
  name: 'mse',
  doc: 'Squared difference.',
  arguments: ['a', 'b'],
  forward: '(a - b) * (a - b)',
  gradients: ['2.0 * (a - b)', '2.0 * (b - a)'],
  reference: ([a, b]) => (a! - b!) ** 2,
  shapes: pairs,
})

const l1Op = definePointwiseLoss({
  name: 'l1',
  doc: 'Magnitude of the difference.',
  arguments: ['a', 'b'],
  forward: 'abs(a - b)',
  gradients: ['sign(a - b)', 'sign(b - a)'],
  reference: ([a, b]) => Math.abs(a! - b!),
  ranges: [
    [0.1, 1],
    [-1, 0],
  ],
  shapes: pairs,
})

const smoothL1Op = definePointwiseLoss({
  name: 'smoothL1',
  doc: 'Half the squared difference over beta below beta, else the magnitude of the difference less beta / 2.',
  arguments: ['a', 'b'],
  options: ['beta'],
  forward: 'select(abs(a - b) - 0.5 * beta, 0.5 * (a - b) * (a - b) / beta, abs(a - b) < beta)',
  gradients: [
    'select(sign(a - b), (a - b) / beta, abs(a - b) < beta)',
    'select(sign(b - a), (b - a) / beta, abs(a - b) < beta)',
  ],
  reference([a, b], [beta]) {
    const distance = Math.abs(a! - b!)
    return distance < beta! ? (0.5 * distance ** 2) / beta! : distance - 0.5 * beta!
  },
  shapes: pairs,
  example: [0.5],
})

const bceOp = definePointwiseLoss({
  name: 'bceWithLogits',
  doc: 'Cross-entropy of a logit with a probability.',
  arguments: ['x', 't'],
  forward: 'max(x, 0.0) - x * t + logOnePlus(exp(-abs(x)))',
  // logistic(x) - t itself would have no digits left near 0.
  gradients: ['(1.0 - t) * logistic(x) - t * logistic(-x)', '-x'],
  reference: ([x, t]) => softPlus(x!) - x! * t!,
  ranges: [
    [-4, 4],
    [0, 1],
  ],
  shapes: pairs,
})

const weightedBceOp = definePointwiseLoss({
  name: 'weightedBceWithLogits',
  doc: 'The same with a weight for the positive part.',
  arguments: ['x', 't', 'p'],
  forward: '(1.0 - t) * softPlus(x) + p * t * softPlus(-x)',
  gradients: ['(1.0 - t) * logistic(x) - p * t * logistic(-x)', 'p * softPlus(-x) - softPlus(x)', 't * softPlus(-x)'],
  reference: ([x, t, p]) => p! * t! * softPlus(-x!) + (1 - t!) * softPlus(x!),
  ranges: [
    [-4, 4],
    [0, 1],
    [0.5, 3],
  ],
  shapes: [
    [[5, 18], [5, 18], [18]],
    [
      [2, 3, 4],
      [2, 3, 4],
      [3, 1],
    ],
  ],
})

/** Squared difference of two float tensors that broadcast. Reduced losses are f32. */
export function mse(a: Tensor, b: Tensor, { reduction = 'mean' }: ReductionOptions = {}): Tensor {
  return apply(mseOp, [a, b], { reduction, values: [] })
}

/** Magnitude of the difference of two float tensors that broadcast; the gradient at 0 is 0. */
export function l1(a: Tensor, b: Tensor, { reduction = 'mean' }: ReductionOptions = {}): Tensor {
  return apply(l1Op, [a, b], { reduction, values: [] })
}

export interface SmoothL1Options extends ReductionOptions {
  /** Where the square gives way to the magnitude. Default 1; 0 is {@link l1}. */
  readonly beta?: number | undefined
}

/** `0.5 (a - b)^2 / beta` where the difference is below `beta`, else `|a - b| - beta / 2`. (Girshick 2015) */
export function smoothL1(a: Tensor, b: Tensor, { beta = 1, reduction = 'mean' }: SmoothL1Options = {}): Tensor {
  return apply(smoothL1Op, [a, b], { reduction, values: [beta] })
}

export interface BceOptions extends ReductionOptions {
  /** Weight of the positive part of each class; broadcasts against the logits. */
  readonly posWeight?: Tensor | undefined
}

/**
 * `-(posWeight t log(sigmoid(x)) + (1 - t) log(1 - sigmoid(x)))` of logits `x` and probabilities `t`, which broadcast;
 * stable for logits of any magnitude.
 */
export function bceWithLogits(logits: Tensor, target: Tensor, options: BceOptions = {}): Tensor {
  const { posWeight, reduction = 'mean' } = options
  if (posWeight) return apply(weightedBceOp, [logits, target, posWeight], { reduction, values: [] })
  return apply(bceOp, [logits, target], { reduction, values: [] })
}
