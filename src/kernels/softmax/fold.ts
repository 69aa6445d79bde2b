/** Largest element and sum of exponentials below it, along runs of axes. */
import type { Tensor } from '../../engine/tensor.js'
import { type Extents, type KernelContext, runFold } from '../variance/fold.js'
import logSumExpWgsl from './log-sum-exp.wgsl'
import blockWgsl from './log-sum-exp-block.wgsl'
import nanWgsl from './nan.wgsl'

export interface ExponentialSums {
  readonly largest?: Tensor
  /** Sum of e^(x - largest). */
  readonly sum?: Tensor
  /** largest + log(sum) */
  readonly logSumExp?: Tensor
}

const values = { largest: 'state.x', sum: 'state.y', logSumExp: 'state.x + logarithm(state.y)' } as const

/** Records the sums of `x` over runs of axes. Exponents are never positive, whatever the magnitude of `x`. */
export function runExponentialSums(
  context: KernelContext,
  x: Tensor,
  runs: readonly Extents[],
  wanted: ExponentialSums,
): void {
  const results = (['largest', 'sum', 'logSumExp'] as const).flatMap((name) => {
    const tensor = wanted[name]
    return tensor ? [{ name: `${name}Values`, tensor, value: values[name] }] : []
  })
  runFold(context, {
    fn: {
      name: `exponential sums ${results.map(({ name }) => name).join()}`,
      state: 'vec2<f32>',
      merge: `${nanWgsl}\n${logSumExpWgsl}`,
      block: blockWgsl,
      emit: results.map(({ name, tensor, value }) => `  ${name}[at] = ${tensor.dtype}(${value});`).join('\n'),
    },
    inputs: [{ name: 'x', tensor: x }],
    results,
    runs,
  })
}
