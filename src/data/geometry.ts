import { mat4, vec3 } from 'gl-matrix'
import { DataError } from './errors.js'

/** Three numbers, one per array axis (i, j, k) or per patient axis (right, anterior, superior). */
export type Triple = [number, number, number]

/** An array axis (i, j, k) or a patient axis (right, anterior, superior). */
export type Axis = 0 | 1 | 2

/**
 * A 4x4 affine as 16 numbers in row-major order, as files write it: voxel index (i, j, k, 1) to millimetres
 * (right+, anterior+, superior+, 1). Plain float64 numbers: gl-matrix's default Float32Array would cost 2e-5 voxels.
 */
export type Affine = readonly number[]

/** Unit columns that span less than this volume count as singular: the axes of such a "grid" nearly coincide. */
const SMALLEST_DETERMINANT = 1e-6

/** gl-matrix stores matrices column by column. */
function toColumnMajor(affine: Affine): number[] {
  return mat4.transpose(new Array<number>(16), [...affine]) as number[]
}

/** The product left x right (right is applied first). */
export function multiplyAffines(left: Affine, right: Affine): number[] {
  const product = mat4.multiply(new Array<number>(16), toColumnMajor(left), toColumnMajor(right)) as number[]
  return toColumnMajor(product)
}

/** The inverse: millimetres to voxel index. Throws a DataError when the affine is singular. */
export function invertAffine(affine: Affine): number[] {
  const inverse = mat4.invert(new Array<number>(16), toColumnMajor(affine))
  if (inverse === null) throw new DataError('the affine is singular and has no inverse')
  return toColumnMajor(inverse as number[])
}

/** The image of a point under an affine. */
export function applyAffine(affine: Affine, point: Readonly<Triple>): Triple {
  return vec3.transformMat4([0, 0, 0], [...point], toColumnMajor(affine)) as Triple
}

/** Column `axis` (0, 1, 2: the step of one voxel along that array axis; 3: the centre of voxel (0, 0, 0)), in mm. */
export function affineColumn(affine: Affine, axis: 0 | 1 | 2 | 3): Triple {
  return [affine[axis]!, affine[4 + axis]!, affine[8 + axis]!]
}

/** The affine with the given voxel steps and origin, all in mm. */
export function affineFromColumns(
  steps: readonly [Readonly<Triple>, Readonly<Triple>, Readonly<Triple>],
  origin: Readonly<Triple>,
): number[] {
  const row = (r: 0 | 1 | 2) => [steps[0][r], steps[1][r], steps[2][r], origin[r]]
  return [...row(0), ...row(1), ...row(2), 0, 0, 0, 1]
}

/** The distance in mm between neighbouring voxels along each array axis: the lengths of the affine's columns. */
export function affineSpacingMm(affine: Affine): Triple {
  // Not Math.hypot: its rounding differs from sqrt of the sum, and one unit in the last place decides sizes
  // (resample.ts).
  const length = ([x, y, z]: Triple) => Math.sqrt(x * x + y * y + z * z)
  return [length(affineColumn(affine, 0)), length(affineColumn(affine, 1)), length(affineColumn(affine, 2))]
}

/**
 * Throws a DataError unless the affine has 16 finite numbers, (0, 0, 0, 1) as last row, and three independent columns.
 * `what` names its owner in the message.
 */
export function checkAffine(affine: Affine, what: string): void {
  if (affine.length !== 16) throw new DataError(`the affine has ${affine.length} numbers instead of 16`, { path: what })
  if (!affine.every(Number.isFinite)) {
    throw new DataError('the affine holds a number that is not finite', {
      path: what,
      remedy: 'Repair its geometry with the tool that wrote it',
    })
  }
  if (affine[12] !== 0 || affine[13] !== 0 || affine[14] !== 0 || affine[15] !== 1) {
    throw new DataError(`the last row of the affine is (${affine.slice(12).join(', ')}) instead of (0, 0, 0, 1)`, {
      path: what,
    })
  }
  const [a, b, c] = [affineColumn(affine, 0), affineColumn(affine, 1), affineColumn(affine, 2)]
  const spacing = affineSpacingMm(affine)
  const determinant = vec3.dot(a, vec3.cross([0, 0, 0], b, c)) / (spacing[0] * spacing[1] * spacing[2])
  if (!(Math.abs(determinant) > SMALLEST_DETERMINANT)) {
    throw new DataError('the affine is singular: two array axes point the same way, or one has no length', {
      path: what,
      remedy: 'Repair its geometry with the tool that wrote it',
    })
  }
}
