/** The three kernels of attention: whose rows are owned, what is bound, and how results are written. */
import type { Specialization } from '../../engine/kernel.js'
import type { AttentionProblem } from './problem.js'
import { forwardSource, gradientSource } from './source.js'
import { forwardStore, keyGradientStore, queryGradientStore, type Store } from './store.js'

export interface Side {
  readonly name: 'forward' | 'queryGradient' | 'keyGradient'
  /** Rows to be owned. */
  own(problem: AttentionProblem): number
  source(problem: AttentionProblem, outputs: Store['outputs']): Specialization
  store(problem: AttentionProblem): Store
}

export const forward: Side = {
  name: 'forward',
  own: ({ queries }) => queries,
  source: forwardSource,
  store: (problem) => forwardStore(problem, false),
}

export const queryGradient: Side = {
  name: 'queryGradient',
  own: ({ queries }) => queries,
  source: gradientSource,
  store: (problem) => queryGradientStore(problem, false),
}

export const keyGradient: Side = {
  name: 'keyGradient',
  own: ({ keys }) => keys,
  source: gradientSource,
  store: keyGradientStore,
}

/** A side's bindings, what all kernels share, its stores, and the code of a family of kernels. */
export function sideSource(side: Side, problem: AttentionProblem, code: string): Specialization {
  const store = side.store(problem)
  const base = side.source(problem, store.outputs)
  return { ...base, code: [base.code, store.code, code].join('\n') }
}
