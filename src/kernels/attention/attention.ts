import { checkDType, type DType } from '../../engine/dtype.js'
import { DTypeError, NotSupportedError, ShapeError } from '../../engine/errors.js'
import { apply, type BackwardContext, defineOp, type ForwardContext } from '../../engine/op.js'
import { formatShape, rowMajorStrides, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { runReduce } from '../reduce/kernel.js'
import { sumTo } from '../reduce/sum-to.js'
import { attentionCases } from './cases.js'
import {
  type AttentionGradient,
  attentionKernel,
  biasGradientKernel,
  combineKernel,
  deltaKernel,
  gradientKernel,
} from './kernel.js'
import {
  type AttentionExtra,
  type AttentionOpOptions,
  type AttentionProblem,
  columnsOf,
  maxColumns,
  partsOf,
} from './problem.js'
import { attentionReference } from './reference.js'

/** A bias of any rank as `[B, H, Tq, Tk]`. */
export const biasShape = (shape: Shape): Shape => [
  ...new Array<number>(Math.max(0, 4 - shape.length)).fill(1),
  ...shape,
]

function extra<T>(inputs: readonly T[], { extras }: AttentionOpOptions, name: AttentionExtra): T | undefined {
  const index = extras.indexOf(name)
  return index < 0 ? undefined : inputs[3 + index]
}

function problemOf(inputs: readonly TensorSpec[], options: AttentionOpOptions): AttentionProblem {
  const [q, k] = inputs as [TensorSpec, TensorSpec]
  const [batch, queries, heads, headDim] = q.shape as [number, number, number, number]
  const bias = extra(inputs, options, 'bias')
  const segments = extra(inputs, options, 'segments')
  const labels = extra(inputs, options, 'keyPaddingMask') ?? segments
  return {
    batch,
    heads,
    queries,
    keys: k.shape[1]!,
    headDim,
    dtype: q.dtype,
    scale: options.scale,
    causal: options.causal,
    bias: bias && {
      dtype: bias.dtype,
      batch: biasShape(bias.shape)[0]!,
      strides: rowMajorStrides(biasShape(bias.shape)).map((stride, i) => (biasShape(bias.shape)[i] === 1 ? 0 : stride)),
    },
    labels: labels && {
      kind: segments ? 'segments' : 'mask',
      batch: labels.shape[0]!,
      penalty: options.segmentPenalty,
    },
  }
}

function checkInputs(inputs: readonly TensorSpec[], options: AttentionOpOptions): void {
  const [q, k, v] = inputs as [TensorSpec, TensorSpec, TensorSpec]
  checkDType('attention', ['f32', 'f16'], q, k, v)
  if (q.dtype !== k.dtype || q.dtype !== v.dtype) {
    throw new DTypeError(`attention: q, k and v are ${q.dtype}, ${k.dtype} and ${v.dtype}: cast them to one type`)
  }
  const shapes = `q ${formatShape(q.shape)}, k ${formatShape(k.shape)}, v ${formatShape(v.shape)}`
  if ([q, k, v].some(({ shape }) => shape.length !== 4)) {
    throw new ShapeError(`attention: takes [B, T, H, hd], got ${shapes}`)
  }
  const [batch, queries, heads, headDim] = q.shape as [number, number, number, number]
  const keys = k.shape[1]!
  const fits = k.shape[0] === batch && k.shape[2] === heads && k.shape[3] === headDim
  if (!fits || v.shape.some((extent, axis) => extent !== k.shape[axis])) {
    throw new ShapeError(`attention: ${shapes} differ in batch, heads or head size, or k and v in length`)
  }
  if (headDim === 0 || columnsOf(headDim) > maxColumns) {
    throw new NotSupportedError(
      `attention: head size ${headDim} is not supported: 1 to ${maxColumns}, and multiples of 4 up to ${4 * maxColumns}`,
    )
  }
  const mask = extra(inputs, options, 'keyPaddingMask')
  if (mask) {
    checkDType('attention: keyPaddingMask', ['u32', 'i32'], mask)
    if (mask.shape.length !== 2 || mask.shape[0] !== batch || mask.shape[1] !== keys) {
      throw new ShapeError(`attention: keyPaddingMask ${formatShape(mask.shape)} is not [B, Tk] of ${shapes}`)
    }
  }
  const segments = extra(inputs, options, 'segments')
  if (segments) {
    checkDType('attention: segments', ['i32', 'u32'], segments)
    const [entries = 0, tokens] = segments.shape
    if (segments.shape.length !== 2 || tokens !== keys || queries !== keys || !divides(entries, batch)) {
      throw new ShapeError(
        `attention: segments ${formatShape(segments.shape)} are not [S, T] where S divides B and T = Tq = Tk of ${shapes}`,
      )
    }
  }
  const bias = extra(inputs, options, 'bias')
  if (bias) {
    checkDType('attention: bias', ['f32', 'f16'], bias)
    const [entries, ...rest] = biasShape(bias.shape) as [number, ...number[]]
    const full = [heads, queries, keys]
    if (rest.length !== 3 || !divides(entries, batch) || rest.some((n, axis) => n !== 1 && n !== full[axis])) {
      throw new ShapeError(
        `attention: bias ${formatShape(bias.shape)} does not broadcast to ${formatShape([batch, ...full])}`,
      )
    }
  }
}

const divides = (part: number, whole: number): boolean => part > 0 && whole % part === 0

/** Bindings of bias and labels; kernels do not read absent ones, for which any tensor stands in. */
function extraBindings(inputs: readonly Tensor[], options: AttentionOpOptions): [Tensor, Tensor] {
  const labels = extra(inputs, options, 'keyPaddingMask') ?? extra(inputs, options, 'segments')
  return [extra(inputs, options, 'bias') ?? inputs[0]!, labels ?? inputs[0]!]
}

/** The result and its statistics `[2, B, H, Tq]`. */
function runForward(context: ForwardContext, inputs: readonly Tensor[], options: AttentionOpOptions): [Tensor, Tensor] {
  const [q, k, v] = inputs as [Tensor, Tensor, Tensor]
  const problem = problemOf(inputs, options)
  const { batch, heads, queries, keys } = problem
  const parts = partsOf(problem, queries, keys)
  const y = context.empty()
  const statistics = context.empty([2, batch, heads, queries], 'f32')
  const bindings = [q, k, v, ...extraBindings(inputs, options)]
  if (parts === 1) {
    context.run({
      kernel: attentionKernel,
      problem: { ...problem, parts, output: y.dtype },
      inputs: bindings,
      outputs: [y, statistics],
    })
    return [y, statistics]
  }
  const partial = context.empty([parts, ...y.shape], 'f32')
  const partialStatistics = context.empty([parts, ...statistics.shape], 'f32')
  context.run({
    kernel: attentionKernel,
    problem: { ...problem, parts, output: 'f32' },
    inputs: bindings,
    outputs: [partial, partialStatistics],
  })
  context.run({
    kernel: combineKernel,
    problem: { ...problem, parts, output: y.dtype },
    inputs: [partial, partialStatistics],
    outputs: [y, statistics],
  })
  return [y, statistics]
}

const attentionOp = defineOp<AttentionOpOptions>({
  name: 'attention',
  doc: 'Softmax of scaled query-key products, times the values; scores are never stored.',
  shape(inputs, options) {
    checkInputs(inputs, options)
    return [{ shape: inputs[0]!.shape, dtype: inputs[0]!.dtype }]
  },
  forward(context, inputs, options) {
    const [y, statistics] = runForward(context, inputs, options)
    context.save(y, statistics, ...inputs)
    return y
  },
  backward(context, [dy], [y, statistics, ...inputs], options) {
    const [q, k, v] = inputs as [Tensor, Tensor, Tensor]
    const problem = problemOf(inputs, options)
    const { batch, heads, queries } = problem
    const rows = context.empty([3, batch, heads, queries])
    context.run({ kernel: deltaKernel, problem, inputs: [y!, dy!, statistics!], outputs: [rows] })
    const [bias, labels] = extraBindings(inputs, options)
    const gradient = (of: AttentionGradient) => {
      const sides = of === 'query' ? [q, dy!, k, v] : [k, v, q, dy!]
      return runGradient(context, problem, of, [...sides, rows, bias, labels], { query: q, key: k, value: v }[of])
    }
    const [needsQuery, needsKey, needsValue] = context.needs
    return [
      needsQuery ? gradient('query') : undefined,
      needsKey ? gradient('key') : undefined,
      needsValue ? gradient('value') : undefined,
      ...options.extras.map((name, i) =>
        name === 'bias' && context.needs[3 + i]
          ? biasGradient(context, problem, [q, k, v, dy!, rows, bias, labels], bias.shape)
          : undefined,
      ),
    ]
  },
  reference: (inputs, options) => [attentionReference(inputs, options)],
  cost([q, k]) {
    const [batch, queries, heads, headDim] = q!.shape as [number, number, number, number]
    const pairs = batch * heads * queries * k!.shape[1]!
    return { flops: pairs * (4 * headDim + 4), bytes: 4 * 2 * (sizeOf(q!.shape) + sizeOf(k!.shape)) }
  },
  cases: attentionCases,
})

function runGradient(
  context: BackwardContext,
  problem: AttentionProblem,
  of: AttentionGradient,
  inputs: readonly Tensor[],
  { shape, dtype }: TensorSpec,
): Tensor {
  const { queries, keys } = problem
  const parts = of === 'query' ? partsOf(problem, queries, keys) : partsOf(problem, keys, queries)
  const output: DType = parts === 1 ? dtype : 'f32'
  const result = context.empty([parts, ...shape], output)
  context.run({ kernel: gradientKernel, problem: { ...problem, of, parts, output }, inputs, outputs: [result] })
  if (parts === 1) return result.alias(shape)
  return runReduce(context, result, { mode: 'sum', axes: [0], dtype, outputShape: shape })
}

function biasGradient(
  context: BackwardContext,
  problem: AttentionProblem,
  inputs: readonly Tensor[],
  shape: Shape,
): Tensor {
  const { bias, heads, queries, keys } = problem
  const full = context.empty([bias!.batch, heads, queries, keys])
  context.run({ kernel: biasGradientKernel, problem, inputs, outputs: [full] })
  return sumTo(context, full, biasShape(shape)).alias(shape)
}

export interface AttentionOptions {
  /** Factor of the query-key products; default `1 / sqrt(hd)`. */
  readonly scale?: number | undefined
  /** Query i sees only keys 0 to i. */
  readonly causal?: boolean | undefined
  /** u32 `[B, Tk]`, not 0 where a key may be used. A query without any usable key gives 0, and no gradient. */
  readonly keyPaddingMask?: Tensor | undefined
  /**
   * Added to the scores; broadcasts to `[B, H, Tq, Tk]` and has a gradient. Its batch extent may also be any W that
   * divides B: batch b then uses entry b % W, as windows of several images share theirs.
   */
  readonly bias?: Tensor | undefined
  /**
   * i32 `[S, T]` for self-attention, where S divides B as for `bias`: keys of another segment than the query's get
   * `segmentPenalty` on their score. This is the mask of shifted windows (Swin) without a T x T tensor per window.
   */
  readonly segments?: Tensor | undefined
  /** Default -100. */
  readonly segmentPenalty?: number | undefined
}

/**
 * Scaled dot-product attention: `q` `[B, Tq, H, hd]` on `k` and `v` `[B, Tk, H, hd]` gives `[B, Tq, H, hd]`. Memory is
 * linear in Tq and Tk, in the backward pass too, which recomputes the weights. Stable for scores of any magnitude.
 *
 * @throws ShapeError or DTypeError when the inputs do not fit together.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const { keyPaddingMask, segments, bias, causal = false, segmentPenalty = -100 } = options
  if (keyPaddingMask && segments) {
    throw new NotSupportedError('attention: takes a keyPaddingMask or segments, not both')
  }
  const scale = options.scale ?? 1 / Math.sqrt(q.shape.at(-1) || 1)
  const given = { keyPaddingMask, segments, bias }
  const extras = (['keyPaddingMask', 'segments', 'bias'] as const).filter((name) => given[name])
  const inputs = [q, k, v, ...extras.map((name) => given[name]!)]
  return apply(attentionOp, inputs, { scale, causal, segmentPenalty, extras })
}
