/** Boxes of positions that step through a source and a target: the host's side of every strided copy. */
import { LimitError } from '../../engine/errors.js'
import type { Shape } from '../../engine/shape.js'

/** A box of positions with the strides of both sides, last axis first. */
export interface StridedBox {
  readonly extents: readonly number[]
  readonly sourceStrides: readonly number[]
  readonly targetStrides: readonly number[]
  readonly sourceBase: number
  readonly targetBase: number
}

/** Distinct axes a kernel takes apart, after merging. */
export const maxRank = 8

/** Drops axes of extent 1 and merges neighbours over which both sides step alike. Axes come first axis first. */
export function mergeBox(
  op: string,
  shape: Shape,
  { sourceStrides, targetStrides, sourceBase, targetBase }: Omit<StridedBox, 'extents'>,
): StridedBox {
  const extents: number[] = []
  const source: number[] = []
  const target: number[] = []
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis]!
    if (extent === 1) continue
    const last = extents.length - 1
    const continues =
      last >= 0 &&
      sourceStrides[axis] === source[last]! * extents[last]! &&
      targetStrides[axis] === target[last]! * extents[last]!
    if (continues) extents[last]! *= extent
    else {
      extents.push(extent)
      source.push(sourceStrides[axis]!)
      target.push(targetStrides[axis]!)
    }
  }
  if (extents.length > maxRank) throw new LimitError(`${op}: takes up to ${maxRank} axes that do not merge`)
  return { extents, sourceStrides: source, targetStrides: target, sourceBase, targetBase }
}

/** Bytes that move together: a power of two from the element's width to 16. */
export type UnitBytes = 2 | 4 | 8 | 16

/** The widest unit in which a box can be moved. */
export function widestUnit(box: StridedBox, elementBytes: 2 | 4): UnitBytes {
  if (box.sourceStrides[0] !== 1 || box.targetStrides[0] !== 1) return elementBytes
  const steps = [
    box.extents[0]!,
    box.sourceBase,
    box.targetBase,
    ...box.sourceStrides.slice(1),
    ...box.targetStrides.slice(1),
  ]
  let unit: number = elementBytes
  while (unit < 16 && steps.every((step) => (step * elementBytes) % (2 * unit) === 0)) unit *= 2
  return unit as UnitBytes
}

/** The same box counted in units of `elements` elements. Precondition: {@link widestUnit} said so. */
export function inUnits(box: StridedBox, elements: number): StridedBox {
  if (elements === 1) return box
  const coarse = (values: readonly number[], first: number) => [first, ...values.slice(1).map((v) => v / elements)]
  return {
    extents: [box.extents[0]! / elements, ...box.extents.slice(1)],
    sourceStrides: coarse(box.sourceStrides, 1),
    targetStrides: coarse(box.targetStrides, 1),
    sourceBase: box.sourceBase / elements,
    targetBase: box.targetBase / elements,
  }
}

/** First and last offset that a box touches on one side. */
export function span(extents: readonly number[], strides: readonly number[], base: number): [number, number] {
  let first = base
  let last = base
  for (const [axis, extent] of extents.entries()) {
    const reach = (extent - 1) * strides[axis]!
    if (reach < 0) first += reach
    else last += reach
  }
  return [first, last]
}

/**
 * Cuts a box in halves until each piece touches at most `limit` units on both sides; the axis with the longest reach of
 * the side that is too long is cut.
 */
export function cutBox(box: StridedBox, limit: number): StridedBox[] {
  const { extents, sourceStrides, targetStrides, sourceBase, targetBase } = box
  const length = (strides: readonly number[], base: number) => {
    const [first, last] = span(extents, strides, base)
    return last - first + 1
  }
  const tooLong =
    length(sourceStrides, sourceBase) > limit
      ? sourceStrides
      : length(targetStrides, targetBase) > limit
        ? targetStrides
        : undefined
  if (!tooLong) return [box]
  const reach = extents.map((extent, axis) => (extent - 1) * Math.abs(tooLong[axis]!))
  const axis = reach.indexOf(Math.max(...reach))
  const half = Math.floor(extents[axis]! / 2)
  const part = (start: number, extent: number): StridedBox => ({
    ...box,
    extents: extents.with(axis, extent),
    sourceBase: sourceBase + start * sourceStrides[axis]!,
    targetBase: targetBase + start * targetStrides[axis]!,
  })
  return [...cutBox(part(0, half), limit), ...cutBox(part(half, extents[axis]! - half), limit)]
}
