/** Borders made of the tensor itself: replicated, reflected, circular. */
import { bytesPerElement } from '../../engine/dtype.js'
import { LimitError } from '../../engine/errors.js'
import { defineKernel, type KernelVariant } from '../../engine/kernel.js'
import type { ReferenceArray } from '../../engine/op.js'
import { rowMajorStrides, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { type Run, unitTypes } from '../layout/copy.js'
import { maxRank, type UnitBytes } from '../layout/strided.js'
import borderWgsl from './border.wgsl'
import borderGradientWgsl from './border-gradient.wgsl'

export type BorderMode = 'replicate' | 'reflect' | 'circular'

/** Elements added before and after an axis; negative ones are cut off. */
export type Padding = readonly [before: number, after: number]

interface BorderedAxis {
  readonly extent: number
  readonly source: number
  readonly before: number
}

interface BorderProblem {
  readonly mode: BorderMode
  /** Last axis first. */
  readonly axes: readonly BorderedAxis[]
  readonly element: string
}

const modes: Record<BorderMode, number> = { replicate: 0, reflect: 1, circular: 2 }

const variant = (wgsl: string, side: 'extent' | 'source'): KernelVariant<BorderProblem> => {
  const countOf = ({ axes }: BorderProblem) => sizeOf(axes.map((axis) => axis[side]))
  return {
    name: 'portable',
    wgsl,
    specialize: ({ mode, axes, element }) => ({
      types: { Element: element },
      constants: { RANK: axes.length, MODE: modes[mode] },
    }),
    key: ({ mode, axes, element }) => `|${mode}|${axes.length}|${element}`,
    parameters(writer, problem) {
      const column = (name: keyof BorderedAxis) => problem.axes.map((axis) => axis[name])
      writer.u32(countOf(problem)).vectors(column('extent'), maxRank, 1)
      writer.signedVectors(column('source'), maxRank, 1).signedVectors(column('before'), maxRank)
    },
    workgroups: (problem) => Math.ceil(countOf(problem) / 256),
  }
}

const borderKernel = defineKernel<BorderProblem>({ name: 'border', variants: [variant(borderWgsl, 'extent')] })
const borderGradientKernel = defineKernel<BorderProblem>({
  name: 'border gradient',
  variants: [variant(borderGradientWgsl, 'source')],
})

const isWhole = ({ extent, source, before }: BorderedAxis): boolean => before === 0 && extent === source

/** Merges neighbouring axes that keep their extent; last axis first. */
function bordersOf(op: string, shape: Shape, pads: readonly Padding[]): BorderedAxis[] {
  const merged: BorderedAxis[] = []
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const source = shape[axis]!
    const [before, after] = pads[axis]!
    const own = { extent: source + before + after, source, before }
    const inner = merged.at(-1)
    if (own.extent === 1 && isWhole(own)) continue
    if (inner && isWhole(inner) && isWhole(own)) {
      merged[merged.length - 1] = { extent: own.extent * inner.extent, source: source * inner.source, before: 0 }
    } else merged.push(own)
  }
  if (merged.length > maxRank) throw new LimitError(`${op}: takes up to ${maxRank} axes that do not merge`)
  return merged
}

export interface Bordering {
  readonly op: string
  readonly mode: BorderMode
  /** The tensor without borders, or its gradient. */
  readonly inner: Tensor
  /** The tensor with borders, or its gradient. */
  readonly outer: Tensor
  /** One per axis. */
  readonly pads: readonly Padding[]
}

/** Records `outer` from `inner`. At least one axis must change. */
export function runBorder(run: Run, { op, mode, inner, outer, pads }: Bordering): void {
  if (outer.size === 0) return
  const axes = bordersOf(op, inner.shape, pads)
  const elementBytes = bytesPerElement(inner.dtype)
  const last = axes[0]!
  let unit: number = elementBytes
  while (isWhole(last) && unit < 16 && (last.extent * elementBytes) % (2 * unit) === 0) unit *= 2
  const extent = (last.extent * elementBytes) / unit
  const coarse = unit === elementBytes ? axes : [{ extent, source: extent, before: 0 }, ...axes.slice(1)]
  const problem = { mode, axes: coarse, element: unitTypes[unit as UnitBytes] }
  run({ kernel: borderKernel, problem, inputs: [inner], outputs: [outer] })
}

/** Records the gradient of `inner` from the gradient of `outer`. */
export function runBorderGradient(run: Run, { op, mode, inner, outer, pads }: Bordering): void {
  if (inner.size === 0) return
  const problem = { mode, axes: bordersOf(op, inner.shape, pads), element: inner.dtype }
  run({ kernel: borderGradientKernel, problem, inputs: [outer], outputs: [inner] })
}

/** The element of an axis of `n` that fills position `s`, which may lie beyond its ends. */
export function foldPosition(mode: BorderMode, s: number, n: number): number {
  if (mode === 'replicate') return Math.min(Math.max(s, 0), n - 1)
  if (mode === 'circular') return ((s % n) + n) % n
  return s < 0 ? -s : s >= n ? 2 * (n - 1) - s : s
}

export function referenceBorder(
  { data, shape }: ReferenceArray,
  mode: BorderMode,
  pads: readonly Padding[],
): ReferenceArray {
  const outer = shape.map((extent, axis) => extent + pads[axis]![0] + pads[axis]![1])
  const dense = rowMajorStrides(outer)
  const strides = rowMajorStrides(shape)
  const values = Float64Array.from({ length: sizeOf(outer) }, (_, i) => {
    const origin = shape.reduce((sum, n, axis) => {
      const position = Math.floor(i / dense[axis]!) % outer[axis]!
      return sum + foldPosition(mode, position - pads[axis]![0], n) * strides[axis]!
    }, 0)
    return data[origin]!
  })
  return { data: values, shape: outer }
}
