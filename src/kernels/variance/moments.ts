/** Means and variances along axes in one pass, by merging blocks. */
import type { Tensor } from '../../engine/tensor.js'
import { type Extents, type FoldFunction, type KernelContext, runFold } from './fold.js'
import momentsWgsl from './moments.wgsl'
import momentsBlockWgsl from './moments-block.wgsl'

/** What to make of the moments of each output position. */
export interface MomentsRequest {
  readonly mean?: Tensor
  /** Sum of squared deviations divided by the count less this; default 0. */
  readonly variance?: { readonly tensor: Tensor; readonly degreesTaken?: number }
  /** 1 / sqrt(variance + epsilon), with the biased variance. */
  readonly inverseDeviation?: { readonly tensor: Tensor; readonly epsilon: number }
}

/** Records the moments of `values` over runs of axes. */
export function runMoments(
  context: KernelContext,
  values: Tensor,
  runs: readonly Extents[],
  { mean, variance, inverseDeviation }: MomentsRequest,
): void {
  const wanted = [
    mean && { name: 'means', tensor: mean, value: 'state.w + state.y' },
    variance && { name: 'variances', tensor: variance.tensor, value: 'state.z / (state.x - params.options.x)' },
    inverseDeviation && {
      name: 'inverseDeviations',
      tensor: inverseDeviation.tensor,
      value: '1.0 / sqrt(state.z / state.x + params.options.y)',
    },
  ].filter((entry) => entry !== undefined)
  const fn: FoldFunction = {
    name: `moments ${wanted.map(({ name }) => name).join()}`,
    state: 'vec4<f32>',
    merge: momentsWgsl,
    block: momentsBlockWgsl,
    emit: wanted.map(({ name, tensor, value }) => `  ${name}[at] = ${tensor.dtype}(${value});`).join('\n'),
  }
  runFold(context, {
    fn,
    inputs: [{ name: 'values', tensor: values }],
    results: wanted,
    runs,
    options: [variance?.degreesTaken ?? 0, inverseDeviation?.epsilon ?? 0],
  })
}
