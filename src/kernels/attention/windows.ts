/** Attention over more keys than one binding may hold: window by window. */
import { bytesPerElement } from '../../engine/dtype.js'
import type { TensorWindow } from '../../engine/kernel.js'
import type { BackwardContext } from '../../engine/op.js'
import type { Tensor } from '../../engine/tensor.js'
import { add } from '../elementwise/index.js'
import { attentionKernel, keyGradientKernel, mergeKernel, queryGradientKernel } from './kernel.js'
import type { AttentionProblem } from './problem.js'

type Context = Pick<BackwardContext, 'device' | 'empty' | 'run'>

/** Windows start at multiples of this many keys: of 256 bytes, for every type. */
const alignment = 128

/**
 * The problem cut along its keys, or itself where all fit in a binding. Only for one batch entry, whose keys lie together, and
 * where no key's number decides how far a kernel walks; elsewhere the dispatch says which limit stands in the way.
 */
export function keyWindows(problem: AttentionProblem, maxBindingBytes: number): AttentionProblem[] {
  const { batch, heads, headDim, keys, dtype, causal, labels } = problem
  const bytes = heads * headDim * bytesPerElement(dtype)
  const most = Math.floor(maxBindingBytes / bytes / alignment) * alignment
  if (keys * bytes <= maxBindingBytes || most === 0 || batch > 1 || causal) return [problem]
  if (labels && labels.kind !== 'mask') return [problem]
  return Array.from({ length: Math.ceil(keys / most) }, (_, i) => ({
    ...problem,
    firstKey: i * most,
    keys: Math.min(most, keys - i * most),
  }))
}

/** A window's part of k, v or their gradients. */
function cut(tensor: Tensor, { batch, heads, headDim, keys, firstKey }: AttentionProblem): Tensor | TensorWindow {
  const bytes = heads * headDim * bytesPerElement(tensor.dtype)
  if (tensor.byteLength === batch * keys * bytes) return tensor
  return { tensor, byteOffset: firstKey * bytes, byteLength: keys * bytes }
}

/** Inputs q, k, v, …: each window's result is merged with that of the windows before it. */
export function runForward(
  context: Context,
  windows: readonly AttentionProblem[],
  [q, k, v, ...extras]: readonly Tensor[],
  [y, statistics]: readonly [Tensor, Tensor],
): void {
  for (const [i, problem] of windows.entries()) {
    const outputs =
      i === 0 ? [y, statistics] : [context.empty(y.shape, y.dtype), context.empty(statistics.shape, 'f32')]
    context.run({
      kernel: attentionKernel,
      problem,
      inputs: [q!, cut(k!, problem), cut(v!, problem), ...extras],
      outputs,
    })
    if (i > 0) context.run({ kernel: mergeKernel, problem, inputs: outputs, outputs: [y, statistics] })
  }
}

/** Inputs q, k, v, dy, side, …; gives dq, the sum over windows. */
export function runQueryGradient(
  context: Context,
  windows: readonly AttentionProblem[],
  [q, k, v, ...rest]: readonly Tensor[],
): Tensor {
  const parts = windows.map((problem) => {
    const dq = context.empty(q!.shape, q!.dtype)
    const inputs = [q!, cut(k!, problem), cut(v!, problem), ...rest]
    context.run({ kernel: queryGradientKernel, problem, inputs, outputs: [dq] })
    return dq
  })
  return parts.reduce((sum, part) => add(sum, part))
}

/** The same inputs; gives dk and dv. */
export function runKeyGradients(
  context: Context,
  windows: readonly AttentionProblem[],
  [q, k, v, ...rest]: readonly Tensor[],
): Tensor[] {
  const results = [k!, v!].map(({ shape, dtype }) => context.empty(shape, dtype))
  for (const problem of windows) {
    const inputs = [q!, cut(k!, problem), cut(v!, problem), ...rest]
    const outputs = results.map((result) => cut(result, problem))
    context.run({ kernel: keyGradientKernel, problem, inputs, outputs })
  }
  return results
}
