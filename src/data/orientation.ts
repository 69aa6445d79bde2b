import { mat3 } from 'gl-matrix'
import { DataError } from './errors.js'
import {
  type Affine,
  type Axis,
  affineColumn,
  affineFromColumns,
  affineSpacingMm,
  applyAffine,
  type Triple,
} from './geometry.js'
import { recorded } from './history.js'
import { type Volume, validateVolume, volumeName } from './volume.js'

/** For one array axis: the patient axis (0 right, 1 anterior, 2 superior) it follows, and in which direction. */
interface AxisDirection {
  patientAxis: Axis
  sign: 1 | -1
}

/** Letters of the negative and the positive end of each patient axis. */
const LETTERS = ['LR', 'PA', 'IS'] as const

/** Rounds of the polar iteration; it converges quadratically, and 1e-6 determinants need about 25. */
const POLAR_ROUNDS = 60

/**
 * The orthogonal matrix nearest to the affine's unit columns (row-major 3x3), which removes shear evenly from all axes.
 * Newton's iteration for the polar factor, X <- (X + X^-T) / 2 (Higham 1986): the same matrix as U V^T of a singular
 * value decomposition.
 */
function nearestRotation(affine: Affine, path: string): number[] {
  const spacing = affineSpacingMm(affine)
  let x = [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => affine[row * 4 + column]! / spacing[column]!))
  for (let round = 0; round < POLAR_ROUNDS; round++) {
    // Transposition and inversion commute, so gl-matrix's column-major reading of the row-major list does not matter.
    const inverse = mat3.invert(new Array<number>(9), x)
    if (inverse === null) throw new DataError('the affine is singular and has no orientation', { path })
    const inverseTranspose = mat3.transpose(new Array<number>(9), inverse) as number[]
    const next = x.map((value, index) => (value + inverseTranspose[index]!) / 2)
    const change = Math.max(...next.map((value, index) => Math.abs(value - x[index]!)))
    x = next
    if (change < 1e-15) break
  }
  return x
}

/**
 * Which patient axis each array axis follows. Array axes choose in the order of how well they are aligned, and a
 * patient axis is given once, so that the answer is a permutation also for very oblique scans. This is `io_orientation`
 * of nibabel 5.4; before 5.4 nibabel let array axes choose in the order 0, 1, 2, which differs only near 45 degrees.
 */
function axisDirections(affine: Affine, path: string): [AxisDirection, AxisDirection, AxisDirection] {
  const rotation = nearestRotation(affine, path)
  const entry = (row: number, column: number) => rotation[row * 3 + column]!
  const strength = (column: number) => Math.max(...[0, 1, 2].map((row) => Math.abs(entry(row, column))))
  const directions: AxisDirection[] = []
  const free = new Set<Axis>([0, 1, 2])
  for (const column of [0, 1, 2].sort((a, b) => strength(b) - strength(a))) {
    const patientAxis = [...free].reduce((best, row) =>
      Math.abs(entry(row, column)) > Math.abs(entry(best, column)) ? row : best,
    )
    free.delete(patientAxis)
    directions[column] = { patientAxis, sign: entry(patientAxis, column) < 0 ? -1 : 1 }
  }
  return directions as [AxisDirection, AxisDirection, AxisDirection]
}

/**
 * Three letters that say toward which side of the patient each array axis runs: 'RAS', 'LPS', 'SAR', ...
 * The same answer as nibabel's `aff2axcodes`. Throws a DataError for a singular affine, which names `path`.
 */
export function axisCodes(affine: Affine, path = 'affine'): string {
  return axisDirections(affine, path)
    .map(({ patientAxis, sign }) => LETTERS[patientAxis][sign === 1 ? 1 : 0])
    .join('')
}

/** True for three letters that name each of right/left, anterior/posterior and superior/inferior once. */
export function areAxisCodes(codes: string): boolean {
  return (
    codes.length === 3 && LETTERS.every((pair) => [...codes].filter((letter) => pair.includes(letter)).length === 1)
  )
}

/**
 * The volume with array axes that run toward the given sides of the patient, by permuting and flipping axes only:
 * `reorient(volume, 'SAR')` has axis 0 from inferior to superior, axis 1 from posterior to anterior, axis 2 from left
 * to right. A view: no voxel is copied or interpolated. Throws a DataError for codes that are not an orientation.
 */
export function reorient(volume: Volume, codes: string): Volume {
  if (!areAxisCodes(codes)) {
    throw new DataError(`'${codes}' is not an orientation`, {
      path: volumeName(volume),
      remedy: "Give one letter of each pair R/L, A/P, S/I, such as 'RAS' or 'SAR'",
    })
  }
  validateVolume(volume)
  const current = axisDirections(volume.affine, volumeName(volume))
  const moves = [...codes].map((letter) => {
    const patientAxis = LETTERS.findIndex((pair) => pair.includes(letter))
    const axis = current.findIndex((direction) => direction.patientAxis === patientAxis) as Axis
    const wanted = LETTERS[patientAxis]!.indexOf(letter) === 1 ? 1 : -1
    return { axis, flip: current[axis]!.sign !== wanted }
  })
  const axes = moves.map(({ axis }) => axis) as Triple
  const flipped = moves.map(({ flip }) => flip) as [boolean, boolean, boolean]
  return rearranged(volume, axes, flipped)
}

/**
 * The volume with array axes in another order and direction: new axis n is the old axis `axes[n]`, reversed where
 * `flipped[n]`. A view.
 */
export function rearranged(volume: Volume, axes: Readonly<Triple>, flipped: readonly boolean[]): Volume {
  const moves = axes.map((axis, n) => ({ axis: axis as Axis, flip: flipped[n]! }))
  // The voxel that becomes (0, 0, 0): the far end of every flipped axis.
  const corner: Triple = [0, 0, 0]
  for (const { axis, flip } of moves) if (flip) corner[axis] = volume.shape[axis] - 1
  const oriented = (values: Readonly<Triple>, flipped: (value: number) => number) =>
    moves.map(({ axis, flip }) => (flip ? flipped(values[axis]) : values[axis])) as Triple
  // 0 - mm, because -mm would turn the zeros of a straight affine into -0.
  const steps = moves.map(({ axis, flip }) => affineColumn(volume.affine, axis).map((mm) => (flip ? 0 - mm : mm))) as [
    Triple,
    Triple,
    Triple,
  ]
  const shape = oriented(volume.shape, (size) => size)
  const affine = affineFromColumns(steps, applyAffine(volume.affine, corner))
  return {
    ...volume,
    shape,
    strides: oriented(volume.strides, (stride) => -stride),
    offset: volume.offset + corner.reduce((sum, index, axis) => sum + index * volume.strides[axis as Axis], 0),
    affine,
    history: recorded(
      volume,
      { kind: 'orient', axes: [...axes], flipped: [...flipped] as [boolean, boolean, boolean] },
      { shape, affine },
    ),
  }
}
