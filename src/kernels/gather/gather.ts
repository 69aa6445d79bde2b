import { checkDType } from '../../engine/dtype.js'
import { DTypeError, ShapeError } from '../../engine/errors.js'
import { apply, defineOp, type ReferenceArray } from '../../engine/op.js'
import { scope } from '../../engine/scope.js'
import { formatShape, normalizeAxis, type Shape, sameShape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { moveCost } from '../layout/copy.js'
import { slice } from '../layout/index.js'
import { pad } from '../pad/index.js'
import { runClaim, runSettle } from './claim.js'
import { indexTypes, isPlace, type Lines, linesOf } from './lines.js'
import { runAddAtIndex } from './links.js'
import { runPick } from './pick.js'

export interface AxisOption {
  /** The axis that the index walks along; negative ones count from the end. */
  readonly axis: number
}

/** The lines of an index that has the data's extents beyond the axis. */
function indexedLines(op: string, x: Shape, index: TensorSpec, { axis }: AxisOption): Lines {
  checkDType(op, indexTypes, index)
  const at = normalizeAxis(op, axis, x.length)
  if (index.shape.length !== x.length || !sameShape(index.shape.toSpliced(at, 1), x.toSpliced(at, 1))) {
    throw new ShapeError(
      `${op}: the index ${formatShape(index.shape)} does not fit ${formatShape(x)} beyond axis ${at}`,
    )
  }
  return linesOf(x, at, index.shape[at]!)
}

function checkSource(op: string, x: TensorSpec, index: TensorSpec, src: TensorSpec): void {
  if (src.dtype !== x.dtype) throw new DTypeError(`${op}: types ${x.dtype} and ${src.dtype} do not mix: cast first`)
  if (!sameShape(src.shape, index.shape)) {
    throw new ShapeError(
      `${op}: the source ${formatShape(src.shape)} does not have the index's ${formatShape(index.shape)}`,
    )
  }
}

/** Calls `visit` with each position of an index and the place it names, undefined where there is none. */
function eachPosition(
  { outer, extent, length, inner }: Lines,
  index: ArrayLike<number>,
  visit: (position: number, place: number | undefined) => void,
): void {
  for (let n = 0; n < outer * length * inner; n++) {
    const o = Math.floor(n / (length * inner))
    visit(n, isPlace(index[n]!, extent) ? (o * extent + index[n]!) * inner + (n % inner) : undefined)
  }
}

const specOf = ({ shape }: ReferenceArray): TensorSpec => ({ shape, dtype: 'i32' })

const gatherOp = defineOp<AxisOption>({
  name: 'gather',
  doc: 'Picks, along an axis, the element that an index names at each position.',
  shape([x, index], options) {
    indexedLines('gather', x!.shape, index!, options)
    return [{ shape: index!.shape, dtype: x!.dtype }]
  },
  forward(context, [x, index], options) {
    const y = context.empty()
    const lines = indexedLines('gather', x!.shape, index!, options)
    runPick(context.run, { x: x!, index: index!, y, lines, shared: false })
    context.save(index!)
    return y
  },
  backward(context, [dy], [index], options) {
    const { shape } = context.inputs[0]!
    const dx = context.empty(shape, dy!.dtype)
    const lines = indexedLines('gather', shape, index!, options)
    runAddAtIndex(context, { value: dy!, index: index!, target: dx, lines, shared: false })
    return [dx, undefined]
  },
  reference([x, index], options) {
    const data = new Float64Array(index!.data.length)
    eachPosition(indexedLines('gather', x!.shape, specOf(index!), options), index!.data, (position, place) => {
      data[position] = place === undefined ? 0 : x!.data[place]!
    })
    return [{ data, shape: index!.shape }]
  },
  cost: ([, index]) => ({ flops: 0, bytes: 12 * sizeOf(index!.shape) }),
  cases: [
    {
      name: 'first axis',
      inputs: [{ shape: [3, 4] }, { shape: [5, 4], dtype: 'i32', range: [0, 3] }],
      options: { axis: 0 },
    },
    {
      name: 'middle axis',
      inputs: [{ shape: [2, 5, 3] }, { shape: [2, 4, 3], dtype: 'u32', range: [0, 5] }],
      options: { axis: -2 },
    },
    {
      name: 'out of range',
      inputs: [{ shape: [2, 3] }, { shape: [2, 6], dtype: 'i32', range: [-2, 5] }],
      options: { axis: 1 },
    },
    {
      name: 'tokens',
      inputs: [{ shape: [64, 4096] }, { shape: [64, 1024], dtype: 'i32', range: [0, 4096] }],
      options: { axis: 1 },
      bench: true,
    },
  ],
})

/**
 * `y[.., j, ..] = x[.., index[.., j, ..], ..]` along `axis`, as PyTorch's gather: the index has the rank of `x`, and
 * beyond the axis at most its extents. An index outside the axis (negative ones too) reads 0. Gradients of one element
 * named several times add up in order, the same on every run.
 *
 * @throws ShapeError when the index does not fit.
 */
export function gather(x: Tensor, index: Tensor, options: AxisOption): Tensor {
  const at = normalizeAxis('gather', options.axis, x.shape.length)
  if (!isSmaller(index.shape, x.shape, at)) return apply(gatherOp, [x, index], options)
  return scope(() => apply(gatherOp, [cropTo(x, index.shape, at), index], options))
}

/** Whether a shape fits within another one beyond an axis without being equal there. */
function isSmaller(inner: Shape, outer: Shape, axis: number): boolean {
  const pairs = inner.map((extent, k) => (k === axis ? 0 : outer[k]! - extent))
  return inner.length === outer.length && pairs.every((rest) => rest >= 0) && pairs.some((rest) => rest > 0)
}

const cropTo = (x: Tensor, shape: Shape, except?: number): Tensor =>
  slice(
    x,
    shape.map((extent, k) => (k === except ? [0] : [0, extent])),
  )

const scatterAddOp = defineOp<AxisOption>({
  name: 'scatterAdd',
  doc: 'Adds each source element to the element that an index names.',
  shape([x, index, src], options) {
    indexedLines('scatterAdd', x!.shape, index!, options)
    checkSource('scatterAdd', x!, index!, src!)
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  forward(context, [x, index, src], options) {
    const y = context.empty()
    const lines = indexedLines('scatterAdd', x!.shape, index!, options)
    runAddAtIndex(context, { value: src!, index: index!, base: x!, target: y, lines, shared: false })
    context.save(index!)
    return y
  },
  backward(context, [dy], [index], options) {
    if (!context.needs[2]) return [dy]
    const dsrc = context.empty(index!.shape, dy!.dtype)
    const lines = indexedLines('scatterAdd', dy!.shape, index!, options)
    runPick(context.run, { x: dy!, index: index!, y: dsrc, lines, shared: false })
    return [dy, undefined, dsrc]
  },
  reference([x, index, src], options) {
    const data = Float64Array.from(x!.data)
    eachPosition(indexedLines('scatterAdd', x!.shape, specOf(index!), options), index!.data, (position, place) => {
      if (place !== undefined) data[place]! += src!.data[position]!
    })
    return [{ data, shape: x!.shape }]
  },
  cost: ([x, index]) => ({ flops: sizeOf(index!.shape), bytes: 8 * (sizeOf(x!.shape) + sizeOf(index!.shape)) }),
  cases: [
    ...scatterCases(0, [3, 4], [6, 4]),
    ...scatterCases(1, [2, 5, 3], [2, 9, 3]),
    {
      name: 'bins',
      inputs: [{ shape: [16, 64] }, { shape: [16, 65536], dtype: 'i32', range: [0, 64] }, { shape: [16, 65536] }],
      options: { axis: 1 },
      bench: true,
    },
  ],
})

function scatterCases(axis: number, shape: Shape, index: Shape) {
  const extent = shape[axis]!
  const inputs = (low: number, high: number) => [
    { shape },
    { shape: index, dtype: 'i32' as const, range: [low, high] as const },
    { shape: index },
  ]
  return [
    { name: `axis ${axis}`, inputs: inputs(0, extent), options: { axis } },
    { name: `axis ${axis}, out of range`, inputs: inputs(-2, extent + 2), options: { axis } },
  ]
}

/**
 * `x` with `src[.., j, ..]` added to `[.., index[.., j, ..], ..]` along `axis`. The index has the rank of `x` and
 * beyond the axis at most its extents; `src` at least those of the index. Sources whose index is outside the axis
 * (negative ones too) are ignored. Sums run in the order of the positions, the same on every run.
 *
 * @throws ShapeError when the index or the source does not fit.
 */
export function scatterAdd(x: Tensor, index: Tensor, src: Tensor, options: AxisOption): Tensor {
  return withFittingIndex('scatterAdd', x, index, src, options, (fitted, source) =>
    apply(scatterAddOp, [x, fitted, source], options),
  )
}

/** Crops the source to the index, and fills both up to the extents of `x` with positions that name no place. */
function withFittingIndex(
  op: string,
  x: Tensor,
  index: Tensor,
  src: Tensor,
  { axis }: AxisOption,
  run: (index: Tensor, src: Tensor) => Tensor,
): Tensor {
  const at = normalizeAxis(op, axis, x.shape.length)
  return scope(() => {
    const source = src.shape.length === index.shape.length ? cropTo(src, index.shape) : src
    checkSource(op, x, index, source)
    if (!isSmaller(index.shape, x.shape, at)) return run(index, source)
    const rest = x.shape.map((extent, k) => [0, k === at ? 0 : extent - index.shape[k]!] as const)
    return run(pad(index, rest, { value: -1 }), pad(source, rest))
  })
}

const scatterOp = defineOp<AxisOption>({
  name: 'scatter',
  doc: 'Replaces the elements that an index names by those of a source; the last one wins.',
  shape([x, index, src], options) {
    indexedLines('scatter', x!.shape, index!, options)
    checkSource('scatter', x!, index!, src!)
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  forward(context, [x, index, src], options) {
    const y = context.empty()
    const lines = indexedLines('scatter', x!.shape, index!, options)
    const winners = runClaim(context.run, index!, lines)
    runSettle(context.run, { x: x!, winners, src: src!, y, lines })
    context.save(index!, winners)
    return y
  },
  backward(context, [dy], [index, winners], options) {
    const lines = indexedLines('scatter', dy!.shape, index!, options)
    const dx = context.needs[0] ? context.empty(dy!.shape, dy!.dtype) : undefined
    const dsrc = context.needs[2] ? context.empty(index!.shape, dy!.dtype) : undefined
    if (dx) runSettle(context.run, { x: dy!, winners: winners!, y: dx, lines })
    if (dsrc) runPick(context.run, { x: dy!, index: index!, y: dsrc, lines, shared: false, winners: winners! })
    return [dx, undefined, dsrc]
  },
  reference([x, index, src], options) {
    const data = Float64Array.from(x!.data)
    eachPosition(indexedLines('scatter', x!.shape, specOf(index!), options), index!.data, (position, place) => {
      if (place !== undefined) data[place] = src!.data[position]!
    })
    return [{ data, shape: x!.shape }]
  },
  cost: ([x]) => moveCost(x!.shape),
  cases: [...scatterCases(0, [4, 3], [2, 3]), ...scatterCases(1, [2, 5, 3], [2, 8, 3])],
})

/**
 * `x` with the elements `[.., index[.., j, ..], ..]` replaced by `src[.., j, ..]` along `axis`. Shapes, and indices
 * outside the axis, as for {@link scatterAdd}. Where several positions name one element the last of them wins, on every
 * run, and it alone gets the gradient.
 *
 * @throws ShapeError when the index or the source does not fit.
 */
export function scatter(x: Tensor, index: Tensor, src: Tensor, options: AxisOption): Tensor {
  return withFittingIndex('scatter', x, index, src, options, (fitted, source) =>
    apply(scatterOp, [x, fitted, source], options),
  )
}
