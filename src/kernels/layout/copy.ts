/** The strided copy behind every operation that only moves elements. */
import { bytesPerElement, type DType } from '../../engine/dtype.js'
import { type DispatchRequest, defineKernel, type TensorWindow } from '../../engine/kernel.js'
import { magnitudeOf } from '../../engine/preferences.js'
import { rowMajorStrides, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import copyWgsl from './copy.wgsl'
import { cutBox, inUnits, maxRank, mergeBox, type StridedBox, span, type UnitBytes, widestUnit } from './strided.js'
import transposeWgsl from './transpose.wgsl'

interface CopyProblem extends StridedBox {
  readonly unit: UnitBytes
}

/** What the kernels call Element: moved as bits, so that integers and floats share pipelines. */
export const unitTypes: Record<UnitBytes, string> = { 2: 'f16', 4: 'u32', 8: 'vec2<u32>', 16: 'vec4<u32>' }

/** Shorter sides than this leave most of a 32 x 32 tile idle. */
const leastTileSide = 16

/** The axis along which the source is contiguous, if a transpose through tiles pays: neither side is too short. */
function rowAxis({ unit, extents, sourceStrides, targetStrides }: CopyProblem): number | undefined {
  if (unit > 4 || targetStrides[0] !== 1 || sourceStrides[0] === 1 || !(extents[0]! >= leastTileSide)) return undefined
  const axis = sourceStrides.findIndex((stride, k) => stride === 1 && extents[k]! >= leastTileSide)
  return axis > 0 ? axis : undefined
}

const isDense = ({ extents, targetStrides }: StridedBox): boolean => {
  let stride = 1
  return extents.every((extent, axis) => {
    const fits = targetStrides[axis] === stride
    stride *= extent
    return fits
  })
}

const tilesOf = (problem: CopyProblem, row: number): number =>
  Math.ceil(problem.extents[0]! / 32) * Math.ceil(problem.extents[row]! / 32)

export const copyKernel = defineKernel<CopyProblem>({
  name: 'copy',
  bucket(problem) {
    const row = rowAxis(problem)
    if (row === undefined) return 'rows stay rows'
    const { unit, extents } = problem
    return `${unit} bytes, 2^${magnitudeOf(extents[row]!)} by 2^${magnitudeOf(extents[0]!)} transposed`
  },
  variants: [
    {
      name: 'transpose',
      wgsl: transposeWgsl,
      supports: (_, problem) => rowAxis(problem) !== undefined,
      specialize: ({ unit, extents }) => ({
        types: { Element: unitTypes[unit] },
        constants: { BATCH_RANK: extents.length - 2 },
      }),
      key: ({ unit, extents }) => `|${unit}|${extents.length}`,
      parameters(writer, problem) {
        const { extents, sourceStrides, targetStrides, sourceBase, targetBase } = problem
        const row = rowAxis(problem)!
        const batch = (values: readonly number[]) => values.filter((_, axis) => axis !== 0 && axis !== row)
        const tiles = tilesOf(problem, row) * sizeOf(batch(extents))
        writer.u32(tiles).u32(sourceBase).u32(targetBase).u32(extents[row]!).u32(extents[0]!)
        writer.u32(sourceStrides[0]!).u32(targetStrides[row]!)
        writer.vectors(batch(extents), maxRank, 1)
        writer.vectors(batch(sourceStrides), maxRank).vectors(batch(targetStrides), maxRank)
      },
      workgroups(problem) {
        const row = rowAxis(problem)!
        const { extents } = problem
        return (tilesOf(problem, row) * sizeOf(extents)) / (extents[0]! * extents[row]!)
      },
    },
    {
      name: 'strided',
      wgsl: copyWgsl,
      specialize: (problem) => ({
        types: { Element: unitTypes[problem.unit] },
        constants: { RANK: problem.extents.length, DENSE: isDense(problem) },
      }),
      key: (problem) => `|${problem.unit}|${problem.extents.length}|${isDense(problem)}`,
      parameters: (writer, { extents, sourceStrides, targetStrides, sourceBase, targetBase }) =>
        writer
          .u32(sizeOf(extents))
          .u32(sourceBase)
          .u32(targetBase)
          .vectors(extents, maxRank, 1)
          .vectors(sourceStrides, maxRank)
          .vectors(targetStrides, maxRank),
      workgroups: ({ extents }) => Math.ceil(sizeOf(extents) / 256),
    },
  ],
})

/** Part of a tensor as a box of positions: element strides per axis from an element offset. */
export interface StridedView {
  readonly strides: readonly number[]
  readonly start?: number
}

export type Run = <P>(request: DispatchRequest<P>) => void

export interface StridedCopy {
  /** For error messages. */
  readonly op: string
  /** Extents of the box that is copied. */
  readonly shape: Shape
  readonly source: Tensor
  readonly from: StridedView
  readonly target: Tensor
  /** Default: the whole target, row by row. */
  readonly into?: StridedView
}

/** Records the copy of a box, in as many dispatches as the binding limit asks for. */
export function runCopy(run: Run, { op, shape, source, from, target, into }: StridedCopy): void {
  if (sizeOf(shape) === 0) return
  const elementBytes = bytesPerElement(source.dtype)
  const merged = mergeBox(op, shape, {
    sourceStrides: from.strides,
    sourceBase: from.start ?? 0,
    targetStrides: into?.strides ?? rowMajorStrides(shape),
    targetBase: into?.start ?? 0,
  })
  const unit = widestUnit(merged, elementBytes)
  const box = inUnits(merged, unit / elementBytes)
  const limit = source.device.capabilities.maxBindingBytes
  if (source.byteLength <= limit && target.byteLength <= limit) {
    run({ kernel: copyKernel, problem: { ...box, unit }, inputs: [source], outputs: [target] })
    return
  }
  // A window starts at a multiple of 256 bytes, up to 255 before the first unit it is for.
  for (const piece of cutBox(box, Math.floor(limit / unit) - 512 / unit)) {
    const input = windowOf(source, piece.extents, piece.sourceStrides, piece.sourceBase, unit)
    const output = windowOf(target, piece.extents, piece.targetStrides, piece.targetBase, unit)
    const problem = { ...piece, unit, sourceBase: input.base, targetBase: output.base }
    run({ kernel: copyKernel, problem, inputs: [input.window], outputs: [output.window] })
  }
}

function windowOf(
  tensor: Tensor,
  extents: readonly number[],
  strides: readonly number[],
  base: number,
  unit: UnitBytes,
): { window: TensorWindow; base: number } {
  const [first, last] = span(extents, strides, base)
  const byteOffset = Math.floor((first * unit) / 256) * 256
  return { window: { tensor, byteOffset, byteLength: (last + 1) * unit - byteOffset }, base: base - byteOffset / unit }
}

interface CopyContext {
  empty(shape: Shape, dtype?: DType): Tensor
  readonly run: Run
}

/** A view of `source` as a tensor of its own; without a copy where the elements stay in their order. */
export function materialize(context: CopyContext, op: string, source: Tensor, shape: Shape, from: StridedView): Tensor {
  if (keepsOrder(source, shape, from)) return source.alias(shape)
  const target = context.empty(shape, source.dtype)
  runCopy(context.run, { op, shape, source, from, target })
  return target
}

function keepsOrder(source: Tensor, shape: Shape, { strides, start = 0 }: StridedView): boolean {
  if (start !== 0 || sizeOf(shape) !== source.size) return false
  const dense = rowMajorStrides(shape)
  return source.size === 0 || shape.every((extent, axis) => extent === 1 || strides[axis] === dense[axis])
}

/** Reads a view of a reference array: the float64 counterpart of {@link runCopy}. */
export function referenceView(data: Float64Array, shape: Shape, { strides, start = 0 }: StridedView): Float64Array {
  const dense = rowMajorStrides(shape)
  return Float64Array.from({ length: sizeOf(shape) }, (_, i) => {
    let offset = start
    for (const [axis, extent] of shape.entries()) offset += (Math.floor(i / dense[axis]!) % extent) * strides[axis]!
    return data[offset]!
  })
}

/** Bytes of a pure move: every element of the result is read once and written once. */
export const moveCost = (shape: Shape): { flops: number; bytes: number } => ({ flops: 0, bytes: 8 * sizeOf(shape) })
