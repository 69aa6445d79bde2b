import { bytesPerElement, checkDType, type DType } from '../../engine/dtype.js'
import { ShapeError, ValueError } from '../../engine/errors.js'
import { apply, type BackwardContext, defineOp, type ForwardContext } from '../../engine/op.js'
import { formatShape, normalizeAxis, type Shape, sizeOf } from '../../engine/shape.js'
import { type Tensor, type TensorSpec, tensor } from '../../engine/tensor.js'
import { type BandedProblem, bandedAxisKernel } from './kernel.js'

/** One output along the axis: `sum of weights[t] * x[first + t]`. Empty weights give 0. */
export interface Band {
  readonly first: number
  readonly weights: ArrayLike<number>
}

export interface BandedAxisOptions {
  /** The axis of the matrix; negative ones count from the end. */
  readonly axis: number
  /** A band for each output: one list for all, or a list of lists, one for each index of axis 0. */
  readonly bands: readonly Band[] | readonly (readonly Band[])[]
}

interface Matrices {
  /** All of equal length. */
  readonly lists: readonly (readonly Band[])[]
  readonly axis: number
}

function matricesOf({ shape }: TensorSpec, { axis, bands }: BandedAxisOptions): Matrices {
  const at = normalizeAxis('bandedAxis', axis, shape.length)
  const lists = (Array.isArray(bands[0]) ? bands : [bands]) as readonly (readonly Band[])[]
  const [outputs, extent] = [lists[0]!.length, shape[at]!]
  if (lists.length > 1 && (at === 0 || lists.length !== shape[0])) {
    throw new ShapeError(
      `bandedAxis: ${lists.length} matrices for ${formatShape(shape)} along axis ${at}: give one, or one for each index of axis 0`,
    )
  }
  if (lists.some((list) => list.length !== outputs)) {
    throw new ShapeError('bandedAxis: the matrices differ in their number of outputs')
  }
  for (const { first, weights } of lists.flat()) {
    if (!Number.isInteger(first) || first < 0 || first + weights.length > extent) {
      throw new ValueError(
        `bandedAxis: a band of ${weights.length} elements from ${first} on leaves the axis of ${extent}`,
      )
    }
  }
  return { lists, axis: at }
}

/** The shape around the axis: what varies slower, with axis 0 apart where each of its indices has a matrix. */
function problemOf(shape: Shape, { lists, axis }: Matrices, source: DType, target: DType): BandedProblem {
  const samples = lists.length > 1 ? shape[0]! : 1
  return {
    samples,
    outer: sizeOf(shape.slice(0, axis)) / samples,
    extent: shape[axis]!,
    outputs: lists[0]!.length,
    inner: sizeOf(shape.slice(axis + 1)),
    taps: Math.max(1, ...lists.flat().map(({ weights }) => weights.length)),
    matrices: lists.length,
    ...{ source, target },
  }
}

type Context = Pick<ForwardContext, 'device' | 'run'>

function runBands({ device, run }: Context, x: Tensor, y: Tensor, matrices: Matrices): void {
  const problem = problemOf(x.shape, matrices, x.dtype, y.dtype)
  const rows = matrices.lists.flat()
  const first = Int32Array.from(rows, (band) => band.first)
  const weights = new Float32Array(rows.length * problem.taps)
  for (const [n, band] of rows.entries()) weights.set(Float32Array.from(band.weights), n * problem.taps)
  const tables = [tensor(device, first), tensor(device, weights)]
  run({ kernel: bandedAxisKernel, problem, inputs: [x, ...tables], outputs: [y] })
  for (const table of tables) table.dispose()
}

/** The transposed matrix: for each input, the outputs it is part of with its weights there. */
function transposed(bands: readonly Band[], extent: number): Band[] {
  const members = Array.from({ length: extent }, () => new Map<number, number>())
  for (const [output, { first, weights }] of bands.entries()) {
    for (let t = 0; t < weights.length; t++) {
      if (weights[t] !== 0) members[first + t]!.set(output, weights[t]!)
    }
  }
  return members.map((outputs) => {
    if (outputs.size === 0) return { first: 0, weights: [] }
    const [first, last] = [Math.min(...outputs.keys()), Math.max(...outputs.keys())]
    return { first, weights: Array.from({ length: last - first + 1 }, (_, n) => outputs.get(first + n) ?? 0) }
  })
}

function gradient(context: BackwardContext, dy: Tensor, options: BandedAxisOptions): Tensor {
  const x = context.inputs[0]!
  const { lists, axis } = matricesOf(x, options)
  const dx = context.empty(x.shape, x.dtype)
  runBands(context, dy, dx, { axis, lists: lists.map((bands) => transposed(bands, x.shape[axis]!)) })
  return dx
}

const bandedAxisOp = defineOp<BandedAxisOptions>({
  name: 'bandedAxis',
  doc: 'A banded matrix along one axis: each output is a weighted sum of neighbouring inputs.',
  shape([x], options) {
    checkDType('bandedAxis', ['f32', 'f16'], x!)
    const { lists, axis } = matricesOf(x!, options)
    return [{ shape: x!.shape.with(axis, lists[0]!.length), dtype: x!.dtype }]
  },
  forward(context, [x], options) {
    const y = context.empty()
    runBands(context, x!, y, matricesOf(x!, options))
    return y
  },
  backward: (context, [dy], _, options) => [gradient(context, dy!, options)],
  reference([x], options) {
    const matrices = matricesOf({ shape: x!.shape, dtype: 'f32' }, options)
    const { outer, extent, outputs, inner, matrices: count } = problemOf(x!.shape, matrices, 'f32', 'f32')
    const shape = x!.shape.with(matrices.axis, outputs)
    const data = new Float64Array(sizeOf(shape)).map((_, i) => {
      const block = Math.floor(i / inner / outputs)
      const { first, weights } = matrices.lists[Math.floor(block / outer) % count]![Math.floor(i / inner) % outputs]!
      let sum = 0
      for (let t = 0; t < weights.length; t++) {
        if (weights[t] !== 0) sum += weights[t]! * x!.data[(block * extent + first + t) * inner + (i % inner)]!
      }
      return sum
    })
    return [{ data, shape }]
  },
  cost([x], options) {
    const matrices = matricesOf(x!, options)
    const target = sizeOf(x!.shape.with(matrices.axis, matrices.lists[0]!.length))
    const { taps } = problemOf(x!.shape, matrices, 'f32', 'f32')
    return { flops: 2 * taps * target, bytes: bytesPerElement(x!.dtype) * (sizeOf(x!.shape) + target) }
  },
  cases: [
    {
      name: 'middle axis',
      inputs: [{ shape: [2, 5, 3] }],
      options: {
        axis: 1,
        bands: [
          { first: 0, weights: [1] },
          { first: 1, weights: [0.25, 0.5, 0, -0.25] },
          { first: 4, weights: [] },
        ],
      },
    },
    {
      name: 'last axis, one matrix for each sample',
      inputs: [{ shape: [2, 3, 4] }],
      options: {
        axis: -1,
        bands: [
          [
            { first: 3, weights: [2] },
            { first: 0, weights: [0.5, 0.5] },
          ],
          [
            { first: 0, weights: [1, 1, 1, 1] },
            { first: 1, weights: [-1, 0, 1] },
          ],
        ],
      },
    },
    {
      name: 'first axis, vectors',
      inputs: [{ shape: [4, 2, 4] }],
      options: {
        axis: 0,
        bands: [
          { first: 2, weights: [0.75, 0.25] },
          { first: 0, weights: [0.1, 0.2, 0.7] },
        ],
      },
    },
    {
      name: 'thins a scan',
      inputs: [{ shape: [1, 300, 512, 512] }],
      options: {
        axis: 1,
        bands: Array.from({ length: 150 }, (_, n) => ({ first: 2 * n, weights: [0.5, 0.5] })),
      },
      bench: true,
    },
  ],
})

/**
 * Each output along `axis` as a weighted sum of neighbouring elements of `x` (f32 or f16, any rank): interpolation at
 * given places, smoothing, thinning, all of them separable. What has weight 0 is not read, so that NaN and infinity stay
 * where no weight takes them.
 *
 * @throws ValueError for a band that leaves the axis, ShapeError for matrices that do not fit axis 0 or each other.
 */
export function bandedAxis(x: Tensor, options: BandedAxisOptions): Tensor {
  return apply(bandedAxisOp, [x], options)
}
