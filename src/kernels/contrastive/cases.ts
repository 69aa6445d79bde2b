import type { CaseInput, OpCase } from '../../engine/op.js'
import { type ContrastiveOptions, defaultKeptLogitBytes } from './problem.js'

type ContrastiveCase = OpCase<ContrastiveOptions>

const defaults: ContrastiveOptions = {
  kind: 'diagonal',
  offset: 0,
  inside: false,
  labelSmoothing: 0,
  symmetric: true,
  pairwise: false,
  weighted: false,
  normalize: false,
  keptLogitBytes: defaultKeptLogitBytes,
}

/** Logits are made again by the backward pass. */
const again: Partial<ContrastiveOptions> = { keptLogitBytes: 0 }

interface More {
  readonly scale?: number
  readonly inputs?: readonly CaseInput[]
  readonly options?: Partial<ContrastiveOptions>
  readonly bench?: boolean
}

function contrastiveCase(
  name: string,
  [n, m, features]: readonly [number, number, number],
  more: More = {},
): ContrastiveCase {
  const { scale = 3, inputs = [], options = {}, bench } = more
  return {
    name,
    inputs: [{ shape: [n, features] }, { shape: [m, features] }, { shape: [], values: [scale] }, ...inputs],
    options: { ...defaults, ...options },
    ...(bench ? { bench } : {}),
  }
}

const integers = (shape: readonly number[], dtype: 'i32' | 'u32', values: readonly number[]): CaseInput => ({
  shape,
  dtype,
  values,
})

/** Every third pair, and nothing for the last image. */
const mask = (n: number, m: number) =>
  integers(
    [n, m],
    'u32',
    Array.from({ length: n * m }, (_, i) => (i < (n - 1) * m && i % 3 === 0 ? 1 : 0)),
  )

const groups = (count: number) =>
  integers(
    [count],
    'i32',
    Array.from({ length: count }, (_, i) => (i === 1 ? -1 : i % 3)),
  )

const soft = (n: number, m: number): CaseInput => ({ shape: [n, m], range: [0, 0.5], differentiable: false })

const weights = (count: number): CaseInput => ({
  shape: [count],
  values: Array.from({ length: count }, (_, i) => (i === 0 ? 0 : 0.5 + (i % 3))),
  differentiable: false,
})

const shift: CaseInput = { shape: [], values: [-0.7] }

export const contrastiveCases: readonly ContrastiveCase[] = [
  contrastiveCase('one pair', [1, 1, 4]),
  contrastiveCase('pairs', [5, 5, 8]),
  contrastiveCase('odd features, confident', [4, 4, 7], { scale: 20 }),
  contrastiveCase('several tiles', [70, 70, 12]),
  contrastiveCase('one direction, smoothed', [4, 4, 8], { options: { symmetric: false, labelSmoothing: 0.2 } }),
  contrastiveCase('smoothed', [5, 5, 4], { options: { labelSmoothing: 0.1 } }),
  contrastiveCase('local images of a larger batch', [3, 9, 8], { options: { symmetric: false, offset: 3 } }),
  contrastiveCase('weights', [5, 5, 4], {
    options: { weighted: true, labelSmoothing: 0.1 },
    inputs: [weights(5), weights(5)],
  }),
  contrastiveCase('groups', [6, 7, 4], { options: { kind: 'groups' }, inputs: [groups(6), groups(7)] }),
  contrastiveCase('groups inside', [6, 7, 4], {
    options: { kind: 'groups', inside: true },
    inputs: [groups(6), groups(7)],
  }),
  contrastiveCase('mask', [5, 6, 8], { options: { kind: 'mask', labelSmoothing: 0.1 }, inputs: [mask(5, 6)] }),
  contrastiveCase('mask inside', [5, 6, 8], { options: { kind: 'mask', inside: true }, inputs: [mask(5, 6)] }),
  contrastiveCase('soft targets', [5, 6, 8], { options: { kind: 'soft' }, inputs: [soft(5, 6), soft(6, 5)] }),
  contrastiveCase('soft targets, one direction', [5, 6, 8], {
    options: { kind: 'soft', symmetric: false, labelSmoothing: 0.1 },
    inputs: [soft(5, 6)],
  }),
  contrastiveCase('pairwise', [5, 5, 8], { options: { pairwise: true }, inputs: [shift] }),
  contrastiveCase('pairwise with groups', [5, 6, 3], {
    options: { pairwise: true, kind: 'groups' },
    inputs: [shift, groups(5), groups(6)],
  }),
  contrastiveCase('directions', [5, 6, 8], { options: { normalize: true, symmetric: false } }),
  contrastiveCase('directions of odd features', [5, 5, 7], { options: { normalize: true, labelSmoothing: 0.1 } }),
  contrastiveCase('directions, groups, weights', [6, 7, 4], {
    options: { normalize: true, kind: 'groups', weighted: true },
    inputs: [groups(6), groups(7), weights(6), weights(7)],
  }),
  contrastiveCase('directions, pairwise', [4, 4, 4], { options: { normalize: true, pairwise: true }, inputs: [shift] }),
  contrastiveCase('directions, made again', [5, 6, 8], { options: { ...again, normalize: true, symmetric: false } }),
  contrastiveCase('odd features, weights, made again', [5, 5, 7], {
    options: { ...again, weighted: true, labelSmoothing: 0.1 },
    inputs: [weights(5), weights(5)],
  }),
  contrastiveCase('pairwise, made again', [4, 4, 4], { options: { ...again, pairwise: true }, inputs: [shift] }),
  contrastiveCase('many features', [3, 3, 600], { scale: 0.1 }),
  {
    // Products with a depth that is worth cutting.
    name: 'two images of many texts',
    inputs: [{ shape: [2, 4] }, { shape: [2048, 4], differentiable: false }, { shape: [], values: [3] }],
    options: { ...defaults, symmetric: false, offset: 1000 },
  },
  contrastiveCase('4096 pairs of 512', [4096, 4096, 512], { bench: true, scale: 10, options: { normalize: true } }),
  contrastiveCase('32768 pairs of 768', [32768, 32768, 768], { bench: true, scale: 10, options: { normalize: true } }),
]
