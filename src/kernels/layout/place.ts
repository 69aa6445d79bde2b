/** Placing a box of elements into a larger or smaller one: the transpose of a slice, constant padding, cropping. */

import { bytesPerElement, type DType } from '../../engine/dtype.js'
import { LimitError } from '../../engine/errors.js'
import { defineKernel } from '../../engine/kernel.js'
import type { ReferenceArray } from '../../engine/op.js'
import { rowMajorStrides, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { float32ToFloat16 } from '../../numeric/half.js'
import type { Run } from './copy.js'
import placeWgsl from './place.wgsl'
import { maxRank, type UnitBytes } from './strided.js'

/** One axis of the result: position `start + step * q` takes element `q` of the source's `count`. */
export interface PlacedAxis {
  readonly extent: number
  readonly start: number
  readonly step: number
  readonly count: number
}

interface PlaceProblem {
  /** Last axis first. */
  readonly axes: readonly PlacedAxis[]
  readonly unit: UnitBytes
  readonly fillBits: number
}

const isWhole = ({ extent, start, step, count }: PlacedAxis): boolean => start === 0 && step === 1 && count === extent

/** Merges axes that are placed whole into their outer neighbours. Axes come first axis first, and leave last first. */
function mergeAxes(op: string, axes: readonly PlacedAxis[]): PlacedAxis[] {
  const merged: PlacedAxis[] = []
  for (const outer of [...axes].reverse()) {
    const inner = merged.at(-1)
    if (outer.extent === 1 && isWhole(outer)) continue
    if (inner && isWhole(inner) && outer.step === 1) {
      merged[merged.length - 1] = {
        extent: outer.extent * inner.extent,
        start: outer.start * inner.extent,
        step: 1,
        count: outer.count * inner.extent,
      }
    } else merged.push(outer)
  }
  if (merged.length > maxRank) throw new LimitError(`${op}: takes up to ${maxRank} axes that do not merge`)
  return merged
}

/** Element types, and how each is filled: 16-byte units and the like hold copies of one pattern. */
const units: Record<UnitBytes, { readonly type: string; readonly fill: string }> = {
  2: { type: 'f16', fill: 'bitcast<vec2<f16>>(bits).x' },
  4: { type: 'u32', fill: 'bits' },
  8: { type: 'vec2<u32>', fill: 'vec2<u32>(bits)' },
  16: { type: 'vec4<u32>', fill: 'vec4<u32>(bits)' },
}

const placeKernel = defineKernel<PlaceProblem>({
  name: 'place',
  variants: [
    {
      name: 'portable',
      wgsl: placeWgsl,
      specialize: ({ axes, unit }) => ({
        types: { Element: units[unit].type },
        constants: { RANK: axes.length },
        code: `fn fillElement(bits: u32) -> Element { return ${units[unit].fill}; }`,
      }),
      key: ({ axes, unit }) => `|${unit}|${axes.length}`,
      parameters(writer, { axes, fillBits }) {
        const column = (name: keyof PlacedAxis) => axes.map((axis) => axis[name])
        writer.u32(sizeOf(column('extent'))).u32(fillBits)
        writer.vectors(column('extent'), maxRank, 1).signedVectors(column('start'), maxRank)
        writer.vectors(column('step'), maxRank, 1).vectors(column('count'), maxRank, 1)
      },
      workgroups: ({ axes }) => Math.ceil(sizeOf(axes.map(({ extent }) => extent)) / 256),
    },
  ],
})

/** The bits of a value as the device stores it; f16 twice, to fill a word. */
function fillBitsOf(value: number, dtype: DType): number {
  if (dtype === 'f16') return float32ToFloat16(Float32Array.of(value))[0]! * 0x10001
  return dtype === 'f32' ? new Uint32Array(Float32Array.of(value).buffer)[0]! : value >>> 0
}

export interface Placement {
  readonly op: string
  readonly source: Tensor
  readonly target: Tensor
  /** First axis first; extents are the target's, counts the source's. */
  readonly axes: readonly PlacedAxis[]
  /** What positions without a source get; default 0. */
  readonly fill?: number
}

/** Records the placement: writes every element of the target. */
export function runPlace(run: Run, { op, source, target, axes, fill = 0 }: Placement): void {
  if (target.size === 0) return
  const elementBytes = bytesPerElement(target.dtype)
  const merged = mergeAxes(op, axes)
  const unit = widestUnit(merged[0], elementBytes)
  const ratio = unit / elementBytes
  const inner = merged[0]
  const coarse =
    inner && ratio > 1
      ? [
          { extent: inner.extent / ratio, start: inner.start / ratio, step: 1, count: inner.count / ratio },
          ...merged.slice(1),
        ]
      : merged
  const problem = { axes: coarse, unit, fillBits: fillBitsOf(fill, target.dtype) }
  run({ kernel: placeKernel, problem, inputs: [source], outputs: [target] })
}

function widestUnit(inner: PlacedAxis | undefined, elementBytes: 2 | 4): UnitBytes {
  if (inner?.step !== 1) return elementBytes
  let unit: number = elementBytes
  const fits = (bytes: number) =>
    [inner.extent, inner.start, inner.count].every((count) => (count * elementBytes) % bytes === 0)
  while (unit < 16 && fits(2 * unit)) unit *= 2
  return unit as UnitBytes
}

/** The same in float64, element by element. */
export function referencePlace(
  { data, shape }: ReferenceArray,
  axes: readonly PlacedAxis[],
  fill: number,
): ReferenceArray {
  const extents = axes.map(({ extent }) => extent)
  const dense = rowMajorStrides(extents)
  const strides = rowMajorStrides(shape)
  const placed = Float64Array.from({ length: sizeOf(extents) }, (_, i) => {
    let origin = 0
    for (const [axis, { extent, start, step, count }] of axes.entries()) {
      const q = ((Math.floor(i / dense[axis]!) % extent) - start) / step
      if (!Number.isInteger(q) || q < 0 || q >= count) return fill
      origin += q * strides[axis]!
    }
    return data[origin]!
  })
  return { data: placed, shape: extents }
}

/** The counterpart of a slice's ranges. */
export const sliceAxes = (
  shape: Shape,
  ranges: readonly { start: number; step: number; count: number }[],
): PlacedAxis[] => shape.map((extent, axis) => ({ extent, ...ranges[axis]! }))
