import type { Triple } from './geometry.js'
import type { SampledAxis } from './sampling-grid.js'
import { roundHalfEven, type SamplingRule } from './sampling-rules.js'
import { axesByStride, type StridedArray } from './strided-copy.js'

/** Where the samples of one axis lie: an old voxel, the step to the next one, and how much of that one counts. */
export interface AxisTable {
  /** Element offsets of the voxel at or before each sample. */
  below: Int32Array
  /** Elements to the next voxel; 0 where it has no weight: it may be beyond the edge, or NaN. */
  next: Int32Array
  weight: Float64Array
}

export type AxisTables = readonly [AxisTable, AxisTable, AxisTable]

/** A table of positions in voxels, with edges repeated. */
export function linearTable(positions: Float64Array, size: number, stride: number): AxisTable {
  const below = new Int32Array(positions.length)
  const next = new Int32Array(positions.length)
  const weight = new Float64Array(positions.length)
  for (const [n, position] of positions.entries()) {
    const inside = Math.min(Math.max(position, 0), size - 1)
    const voxel = Math.floor(inside)
    below[n] = voxel * stride
    weight[n] = inside - voxel
    next[n] = weight[n]! > 0 ? stride : 0
  }
  return { below, next, weight }
}

/** Positions of an axis's samples, with the rounding of the rule's own code. */
export function linearPositions({ size, firstIndex, step }: SampledAxis, rule: SamplingRule): Float64Array {
  if (rule !== 'fvlm') return Float64Array.from({ length: size }, (_, n) => firstIndex + n * step)
  // PyTorch's interpolate keeps coordinates in float32.
  const scale = Math.fround(step)
  return Float64Array.from({ length: size }, (_, n) => Math.fround(Math.fround(scale * (n + 0.5)) - 0.5))
}

/** The nearest voxel of each sample, by the rule's own rounding. */
export function nearestTable(axis: SampledAxis, rule: SamplingRule, oldSize: number, stride: number): AxisTable {
  const { size, firstIndex, step } = axis
  const scale = Math.fround(step)
  const nearest = (n: number) => {
    if (rule === 'fvlm') return Math.floor(Math.fround(n * scale))
    const position = firstIndex + n * step
    return rule === 'monai' ? roundHalfEven(position) : Math.floor(position + 0.5)
  }
  const positions = Float64Array.from({ length: size }, (_, n) => nearest(n))
  return linearTable(positions, oldSize, stride)
}

/**
 * Fills `target` with blends of `source` along axis 0, then 1, then 2, which is ITK's order and decides the last bit.
 * Writing to an integer array truncates toward zero. Loops run in the order of the source's memory.
 */
export function sampleByTables(source: StridedArray, target: StridedArray, tables: AxisTables): void {
  if (axesByStride(source.strides).join() === '0,1,2') sampleRows(source, target, tables)
  else sampleInAnyOrder(source, target, tables)
}

/** Axis 2 is the source's fastest, as in every scan in file order that was turned to SAR: two thirds of the time. */
function sampleRows(source: StridedArray, target: StridedArray, [outer, middle, inner]: AxisTables): void {
  const from = source.data
  const to = target.data
  const { below, next, weight } = inner
  const step = target.strides[2]
  for (const [o, outerOffset] of outer.below.entries()) {
    const [next0, weight0] = [outer.next[o]!, outer.weight[o]!]
    for (const [m, middleOffset] of middle.below.entries()) {
      const weight1 = middle.weight[m]!
      // The four rows around the samples: first and second digit are the steps along axis 0 and axis 1.
      const row00 = source.offset + outerOffset + middleOffset
      const row10 = row00 + next0
      const row01 = row00 + middle.next[m]!
      const row11 = row01 + next0
      let t = target.offset + o * target.strides[0] + m * target.strides[1]
      for (let n = 0; n < below.length; n++) {
        const f = below[n]!
        const g = f + next[n]!
        const v00 = from[row00 + f]!
        const v01 = from[row01 + f]!
        const w00 = from[row00 + g]!
        const w01 = from[row01 + g]!
        const v0 = v00 + (from[row10 + f]! - v00) * weight0
        const v1 = v01 + (from[row11 + f]! - v01) * weight0
        const w0 = w00 + (from[row10 + g]! - w00) * weight0
        const w1 = w01 + (from[row11 + g]! - w01) * weight0
        const v = v0 + (v1 - v0) * weight1
        to[t] = v + (w0 + (w1 - w0) * weight1 - v) * weight[n]!
        t += step
      }
    }
  }
}

function sampleInAnyOrder(source: StridedArray, target: StridedArray, tables: AxisTables): void {
  const from = source.data
  const to = target.data
  const order = axesByStride(source.strides)
  const inner = order[2]
  const innerTable = tables[inner]
  const innerStep = target.strides[inner]
  const [outer, middle] = [tables[order[0]], tables[order[1]]]
  const [outerStep, middleStep] = [target.strides[order[0]], target.strides[order[1]]]
  const next: Triple = [0, 0, 0]
  const weight: Triple = [0, 0, 0]
  for (let o = 0; o < outer.below.length; o++) {
    next[order[0]] = outer.next[o]!
    weight[order[0]] = outer.weight[o]!
    for (let m = 0; m < middle.below.length; m++) {
      next[order[1]] = middle.next[m]!
      weight[order[1]] = middle.weight[m]!
      const base = source.offset + outer.below[o]! + middle.below[m]!
      let [next0, next1, next2] = next
      let [weight0, weight1, weight2] = weight
      let t = target.offset + o * outerStep + m * middleStep
      for (let n = 0; n < innerTable.below.length; n++) {
        if (inner === 2) {
          next2 = innerTable.next[n]!
          weight2 = innerTable.weight[n]!
        } else if (inner === 1) {
          next1 = innerTable.next[n]!
          weight1 = innerTable.weight[n]!
        } else {
          next0 = innerTable.next[n]!
          weight0 = innerTable.weight[n]!
        }
        const f00 = base + innerTable.below[n]!
        const f10 = f00 + next1
        const f01 = f00 + next2
        const f11 = f10 + next2
        const v000 = from[f00]!
        const v010 = from[f10]!
        const v001 = from[f01]!
        const v011 = from[f11]!
        const v00 = v000 + (from[f00 + next0]! - v000) * weight0
        const v10 = v010 + (from[f10 + next0]! - v010) * weight0
        const v01 = v001 + (from[f01 + next0]! - v001) * weight0
        const v11 = v011 + (from[f11 + next0]! - v011) * weight0
        const v0 = v00 + (v10 - v00) * weight1
        const v1 = v01 + (v11 - v01) * weight1
        to[t] = v0 + (v1 - v0) * weight2
        t += innerStep
      }
    }
  }
}

/** Fills `target` with the voxels at or before the samples: for tables of nearest voxels, which have no weights. */
export function pickByTables(source: StridedArray, target: StridedArray, tables: AxisTables): void {
  const from = source.data
  const to = target.data
  const [outer, middle, inner] = axesByStride(source.strides)
  const innerOffsets = tables[inner].below
  const innerStep = target.strides[inner]
  for (const [o, outerOffset] of tables[outer].below.entries()) {
    for (const [m, middleOffset] of tables[middle].below.entries()) {
      const base = source.offset + outerOffset + middleOffset
      let t = target.offset + o * target.strides[outer] + m * target.strides[middle]
      for (let n = 0; n < innerOffsets.length; n++) {
        to[t] = from[base + innerOffsets[n]!]!
        t += innerStep
      }
    }
  }
}
