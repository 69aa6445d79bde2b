import { checkDType } from '../../engine/dtype.js'
import { DTypeError, NotSupportedError, ShapeError } from '../../engine/errors.js'
import { apply, type BackwardContext, defineOp } from '../../engine/op.js'
import type { Generator } from '../../engine/random.js'
import { scope } from '../../engine/scope.js'
import { formatShape, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { concat } from '../join/index.js'
import { reshape } from '../layout/index.js'
import { probabilityThreshold } from '../random/fill.js'
import { sumTo } from '../reduce/sum-to.js'
import { rope3d } from '../rope3d/index.js'
import { attentionCases } from './cases.js'
import { biasGradientKernel, sideKernel } from './kernel.js'
import {
  type AttentionExtra,
  type AttentionOpOptions,
  type AttentionProblem,
  biasShape,
  columnsOf,
  extraOf,
  labelsOf,
  maxColumns,
  problemOf,
  type RopeRows,
  vectorWidth,
} from './problem.js'
import { attentionReference } from './reference.js'
import { sideSize } from './source.js'
import { keyWindows, runForward, runKeyGradients, runQueryGradient } from './windows.js'

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
  const mask = extraOf(inputs, options, 'keyPaddingMask')
  if (mask) {
    checkDType('attention: keyPaddingMask', ['u32', 'i32'], mask)
    if (mask.shape.length !== 2 || mask.shape[0] !== batch || mask.shape[1] !== keys) {
      throw new ShapeError(`attention: keyPaddingMask ${formatShape(mask.shape)} is not [B, Tk] of ${shapes}`)
    }
  }
  const lengths = extraOf(inputs, options, 'keyLengths')
  if (lengths) {
    checkDType('attention: keyLengths', ['u32', 'i32'], lengths)
    if (lengths.shape.length !== 1 || lengths.shape[0] !== batch) {
      throw new ShapeError(`attention: keyLengths ${formatShape(lengths.shape)} are not [B] of ${shapes}`)
    }
  }
  const rope = extraOf(inputs, options, 'rope')
  if (rope) checkRope(rope, options.rope!, { batch, queries, keys, headDim })
  if (options.dropout) probabilityThreshold('attention: dropout', options.dropout.p)
  const segments = extraOf(inputs, options, 'segments')
  if (segments) {
    checkDType('attention: segments', ['i32', 'u32'], segments)
    const [entries = 0, tokens] = segments.shape
    if (segments.shape.length !== 2 || tokens !== keys || queries !== keys || !divides(entries, batch)) {
      throw new ShapeError(
        `attention: segments ${formatShape(segments.shape)} are not [S, T] where S divides B and T = Tq = Tk of ${shapes}`,
      )
    }
  }
  const bias = extraOf(inputs, options, 'bias')
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

interface Extents {
  readonly batch: number
  readonly queries: number
  readonly keys: number
  readonly headDim: number
}

function checkRope(table: TensorSpec, rows: RopeRows, { batch, queries, keys, headDim }: Extents): void {
  checkDType('attention: rope', ['f32', 'f16'], table)
  const [given = 0, width] = table.shape
  const fits = (count: number, tokens: number) => count === tokens || count === batch * tokens
  const known = fits(rows.queryRows, queries) && fits(rows.keyRows, keys)
  if (table.shape.length !== 2 || width !== 2 * headDim || !known || rows.keyFirst + rows.keyRows > given) {
    throw new ShapeError(
      `attention: the rotary table ${formatShape(table.shape)} does not have 2 hd = ${2 * headDim} numbers for each of ` +
        `${queries} queries and ${keys} keys, of one batch entry or of all ${batch}`,
    )
  }
}

const attentionOp = defineOp<AttentionOpOptions>({
  name: 'attention',
  doc: 'Softmax of scaled query-key products, times the values; scores are never stored.',
  shape(inputs, options) {
    checkInputs(inputs, options)
    return [{ shape: inputs[0]!.shape, dtype: inputs[0]!.dtype }]
  },
  forward(context, inputs, options) {
    const problem = problemOf(inputs, options)
    const { batch, heads, queries } = problem
    const y = context.empty()
    const statistics = context.empty([2, batch, heads, queries], 'f32')
    const given = [
      ...inputs.slice(0, 3),
      ...[extraOf(inputs, options, 'bias'), labelsOf(inputs, options), extraOf(inputs, options, 'rope')],
    ].filter((input) => input !== undefined)
    runForward(context, keyWindows(problem, context.device.capabilities.maxBindingBytes), given, [y, statistics])
    context.save(y, statistics, ...inputs)
    return y
  },
  backward(context, [dy], [y, statistics, ...inputs], options) {
    const problem = problemOf(inputs, options)
    const [q, k, v] = inputs as [Tensor, Tensor, Tensor]
    const [labels, rope] = [labelsOf(inputs, options), extraOf(inputs, options, 'rope')]
    const side = context.empty([sideSize(problem)])
    const known = [y!, dy!, statistics!, ...(labels ? [labels] : []), ...(rope ? [rope] : [])]
    context.run({ kernel: sideKernel, problem, inputs: known, outputs: [side] })
    const bias = extraOf(inputs, options, 'bias')
    const given = [q, k, v, dy!, side, ...(bias ? [bias] : [])]
    const [needsQuery, needsKey, needsValue] = context.needs
    const windows = keyWindows(problem, context.device.capabilities.maxBindingBytes)
    const [dk, dv] = needsKey || needsValue ? runKeyGradients(context, windows, given) : []
    return [
      needsQuery ? runQueryGradient(context, windows, given) : undefined,
      dk,
      dv,
      ...options.extras.map((name, i) =>
        name === 'bias' && context.needs[3 + i] ? biasGradient(context, problem, given, bias!.shape) : undefined,
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

/** Tables of rotary positions where queries and keys are turned by different ones. */
export interface AttentionRope {
  /** `[Tq, 2 hd]` or `[B, Tq, 2 hd]` */
  readonly queries: Tensor
  /** `[Tk, 2 hd]` or `[B, Tk, 2 hd]` */
  readonly keys: Tensor
}

export interface AttentionOptions {
  /** Factor of the query-key products; default `1 / sqrt(hd)`. */
  readonly scale?: number | undefined
  /** Query i sees only keys 0 to i. */
  readonly causal?: boolean | undefined
  /** u32 or i32 `[B, Tk]`, not 0 where a key may be used. A query without any usable key gives 0, and no gradient. */
  readonly keyPaddingMask?: Tensor | undefined
  /** u32 or i32 `[B]`: only so many first keys of each batch entry may be used. */
  readonly keyLengths?: Tensor | undefined
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
  /**
   * Rotary positions of queries and keys, as the operation `rope3d` would turn them: `[T, 2 hd]` or `[B, T, 2 hd]` for
   * self-attention, or two tables. Applied as they are read on GPUs, beforehand on software adapters. No gradient.
   */
  readonly rope?: Tensor | AttentionRope | undefined
  /** Zeroes weights with probability `p`, after the softmax, and scales the others by 1 / (1 - p). */
  readonly dropout?: AttentionDropoutOptions | undefined
}

export interface AttentionDropoutOptions {
  readonly p: number
  /** Gives the draw that decides; the mask is recomputed in the backward pass, and repeats under `checkpoint`. */
  readonly generator: Generator
  /** False: no dropout. Default true. */
  readonly training?: boolean | undefined
}

/**
 * Scaled dot-product attention: `q` `[B, Tq, H, hd]` on `k` and `v` `[B, Tk, H, hd]` gives `[B, Tq, H, hd]`. Memory is
 * linear in Tq and Tk, in the backward pass too, which recomputes the weights. Stable for scores of any magnitude.
 *
 * @throws ShapeError or DTypeError when the inputs do not fit together.
 * @throws NotSupportedError for head sizes beyond 256 (1024 if a multiple of 4), and for two kinds of key masks at once.
 */
export function attention(q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions = {}): Tensor {
  const { keyPaddingMask, keyLengths, segments, bias, rope, dropout, causal = false, segmentPenalty = -100 } = options
  if ([keyPaddingMask, keyLengths, segments].filter(Boolean).length > 1) {
    throw new NotSupportedError('attention: takes one of keyPaddingMask, keyLengths and segments, not several')
  }
  const headDim = q.shape.at(-1) || 1
  if (rope && (q.device.capabilities.software || vectorWidth(headDim) === 1)) {
    // Beforehand: every tile of queries turns all keys again when they are read, which a CPU feels; and pairs of features must not
    // be torn apart by vectors of other heads' features.
    const { queries, keys } = 'queries' in rope ? rope : { queries: rope, keys: rope }
    return scope(() => attention(rope3d(q, queries), rope3d(k, keys), v, { ...options, rope: undefined }))
  }
  const scale = options.scale ?? 1 / Math.sqrt(headDim)
  const drops = dropout && dropout.p !== 0 && (dropout.training ?? true)
  return scope(() => {
    const turning = rope && ropeInput(rope)
    const given = { keyPaddingMask, keyLengths, segments, bias, rope: turning?.table }
    const names: readonly AttentionExtra[] = ['keyPaddingMask', 'keyLengths', 'segments', 'bias', 'rope']
    const extras = names.filter((name) => given[name])
    return apply(attentionOp, [q, k, v, ...extras.map((name) => given[name]!)], {
      scale,
      causal,
      segmentPenalty,
      extras,
      ...(turning && { rope: turning.rows }),
      ...(drops && { dropout: { p: dropout.p, draw: dropout.generator.draw() } }),
    })
  })
}

/** One table `[rows, 2 hd]`, and which of its rows are whose. */
function ropeInput(rope: Tensor | AttentionRope): { table: Tensor; rows: RopeRows } {
  const flat = (table: Tensor) => reshape(table.detach(), [sizeOf(table.shape.slice(0, -1)), table.shape.at(-1)!])
  if (!('queries' in rope)) {
    const table = flat(rope)
    return { table, rows: { queryRows: table.shape[0]!, keyRows: table.shape[0]!, keyFirst: 0 } }
  }
  const [queries, keys] = [flat(rope.queries), flat(rope.keys)]
  const [queryRows, keyRows] = [queries.shape[0]!, keys.shape[0]!]
  return { table: concat([queries, keys], 0), rows: { queryRows, keyRows, keyFirst: queryRows } }
}
