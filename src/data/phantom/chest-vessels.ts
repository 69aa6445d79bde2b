import type { Triple } from '../geometry.js'
import type { RandomStream } from '../random.js'
import { hila } from './chest-anatomy.js'

/** A piece of a blood vessel: a stick with rounded ends, in RAS mm. */
export interface VesselSegment {
  from: Triple
  to: Triple
  fromRadiusMm: number
  toRadiusMm: number
}

const MOST_GENERATIONS = 8
const TRUNK_LENGTH_MM = 34
const TRUNK_RADIUS_MM = 5
/** Of every generation to the one before. Daughters of a vessel are about 0.8 times as wide (Murray's law). */
const LENGTH_RATIO = 0.82
const RADIUS_RATIO = 0.78

/** Directions in which trunks leave the right hilum (the left ones are mirrored). */
const TRUNKS: readonly Triple[] = [
  [0.55, 0.5, 0.8],
  [0.55, -0.4, 0.8],
  [0.55, 0.85, 0.15],
  [0.9, 0.15, 0.1],
  [0.55, -0.8, 0.15],
  [0.5, 0.5, -0.7],
  [0.5, -0.5, -0.8],
]

/**
 * Two trees of branching vessels, one per lung. They also run outside the lungs; only what lies inside is to be drawn.
 */
export function growVessels(random: RandomStream, generations = MOST_GENERATIONS): VesselSegment[] {
  const segments: VesselSegment[] = []
  const grow = (from: Triple, direction: Triple, lengthMm: number, radiusMm: number, generation: number) => {
    const to = from.map((mm, axis) => mm + direction[axis]! * lengthMm) as Triple
    const endRadiusMm = radiusMm * RADIUS_RATIO
    segments.push({ from, to, fromRadiusMm: radiusMm, toRadiusMm: endRadiusMm })
    if (generation === generations) return
    const side = unitVector([random.uniform(-1, 1), random.uniform(-1, 1), random.uniform(-1, 1)])
    for (const sign of [1, -1]) {
      const spread = sign * random.uniform(0.35, 0.75)
      const branch = unitVector(direction.map((value, axis) => value + spread * side[axis]!) as Triple)
      grow(to, branch, lengthMm * LENGTH_RATIO * random.uniform(0.85, 1.15), endRadiusMm, generation + 1)
    }
  }
  for (const [side, sign] of [['right', 1] as const, ['left', -1] as const]) {
    for (const [x, y, z] of TRUNKS) grow(hila[side], unitVector([sign * x, y, z]), TRUNK_LENGTH_MM, TRUNK_RADIUS_MM, 1)
  }
  return segments
}

function unitVector(vector: Triple): Triple {
  // The offset keeps a zero vector from becoming NaN.
  const length = Math.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2) + 1e-9
  return vector.map((value) => value / length) as Triple
}
