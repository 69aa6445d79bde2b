import { type Affine, affineFromColumns, type Triple } from './geometry.js'

/** World frames of files: the sides of the patient that their three axes point to. */
export type WorldFrame = 'RAS' | 'LAS' | 'LPS'

const signs: Record<WorldFrame, Readonly<Triple>> = { RAS: [1, 1, 1], LAS: [-1, 1, 1], LPS: [-1, -1, 1] }

/** A point or direction of one frame in RAS+, or the reverse: frames differ in signs only. */
export function betweenRasAnd(frame: WorldFrame, [x, y, z]: Readonly<Triple>): Triple {
  const [a, b, c] = signs[frame]
  // Adding 0 turns -0 into 0.
  return [a * x + 0, b * y + 0, c * z + 0]
}

/** The RAS+ affine of voxel steps and the first voxel's centre, both given in a world frame. */
export function affineFromFrame(
  frame: WorldFrame,
  steps: readonly [Readonly<Triple>, Readonly<Triple>, Readonly<Triple>],
  origin: Readonly<Triple>,
): Affine {
  const ras = (point: Readonly<Triple>) => betweenRasAnd(frame, point)
  return affineFromColumns([ras(steps[0]), ras(steps[1]), ras(steps[2])], ras(origin))
}
