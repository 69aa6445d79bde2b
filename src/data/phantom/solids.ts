import type { Triple } from '../geometry.js'
import type { RandomStream } from '../random.js'

/** A body in the patient's coordinates: RAS millimetres from between the hila. */
export interface Solid {
  /** Corners of a box around it. */
  readonly low: Triple
  readonly high: Triple
  /** Distance to the surface, negative inside. It has to be right near the surface only. */
  readonly distanceMm: (x: number, y: number, z: number) => number
  /** The part that is seen of something thinner than a voxel of this size. Default: all. */
  readonly visiblePart?: (voxelMm: number) => number
}

export const everywhere: { readonly low: Triple; readonly high: Triple } = {
  low: [-1e4, -1e4, -1e4],
  high: [1e4, 1e4, 1e4],
}

/** A wave of period 1 between -1 and 1: two parabolas, which every machine computes alike, unlike a sine. */
export function wave(turns: number): number {
  const part = turns - Math.floor(turns)
  return part < 0.5 ? 16 * part * (0.5 - part) : -16 * (part - 0.5) * (1 - part)
}

/** From 0 to 1 with no kink. */
export function smoothStep(from: number, to: number, value: number): number {
  const part = Math.min(Math.max((value - from) / (to - from), 0), 1)
  return part * part * (3 - 2 * part)
}

/** A direction, every one as likely as the others near enough. */
export function randomDirection(random: RandomStream): Triple {
  const [x, y, z] = [random.uniform(-1, 1), random.uniform(-1, 1), random.uniform(-1, 1)]
  // The offset keeps a zero vector from becoming NaN.
  const length = Math.sqrt(x * x + y * y + z * z) + 1e-9
  return [x / length, y / length, z / length]
}

/** How far the surface of a blob lies from its ellipsoid, by direction: six smooth bumps. */
export type Bumps = readonly [number, number, number, number, number, number]

export function randomBumps(random: RandomStream, amplitude: number): Bumps {
  const draw = () => random.uniform(-amplitude, amplitude)
  return [draw(), draw(), draw(), draw(), draw(), draw()]
}

/** An ellipsoid with bumps. */
export function blob(centre: Readonly<Triple>, radii: Readonly<Triple>, bumps?: Bumps): Solid {
  const reach = 1 + (bumps === undefined ? 0 : bumps.reduce((sum, bump) => sum + Math.abs(bump), 0))
  const [cx, cy, cz] = centre
  const [rx, ry, rz] = radii
  const [ax, ay, az] = [1 / rx, 1 / ry, 1 / rz]
  const [b0, b1, b2, b3, b4, b5] = bumps ?? [0, 0, 0, 0, 0, 0]
  return {
    low: [cx - rx * reach, cy - ry * reach, cz - rz * reach],
    high: [cx + rx * reach, cy + ry * reach, cz + rz * reach],
    distanceMm: (x, y, z) => {
      const u = (x - cx) * ax
      const v = (y - cy) * ay
      const w = (z - cz) * az
      const square = u * u + v * v + w * w + 1e-9
      const radius = Math.sqrt(square)
      const bump =
        (b0 * u * v + b1 * v * w + b2 * u * w + b3 * (u * u - v * v) + b4 * w * w + (b5 * u * v * w) / radius) / square
      const slope = Math.sqrt(u * ax * (u * ax) + v * ay * (v * ay) + w * az * (w * az)) + 1e-9
      return (radius * (radius / (1 + bump) - 1)) / slope
    },
    visiblePart: (voxelMm) => Math.min(1, (4.19 * rx * ry * rz) / voxelMm ** 3),
  }
}

export const ball = (centre: Readonly<Triple>, radiusMm: number): Solid => blob(centre, [radiusMm, radiusMm, radiusMm])

/** A stick with rounded ends. */
export function stick(from: Readonly<Triple>, to: Readonly<Triple>, fromRadiusMm: number, toRadiusMm: number): Solid {
  const [fx, fy, fz] = from
  const [ax, ay, az] = [to[0] - fx, to[1] - fy, to[2] - fz]
  const perSquare = 1 / (ax * ax + ay * ay + az * az + 1e-9)
  const growth = toRadiusMm - fromRadiusMm
  const reach = Math.max(fromRadiusMm, toRadiusMm)
  const thin = Math.min(fromRadiusMm, toRadiusMm)
  return {
    low: [Math.min(fx, to[0]) - reach, Math.min(fy, to[1]) - reach, Math.min(fz, to[2]) - reach],
    high: [Math.max(fx, to[0]) + reach, Math.max(fy, to[1]) + reach, Math.max(fz, to[2]) + reach],
    distanceMm: (x, y, z) => {
      const px = x - fx
      const py = y - fy
      const pz = z - fz
      const part = Math.min(Math.max((px * ax + py * ay + pz * az) * perSquare, 0), 1)
      const dx = px - part * ax
      const dy = py - part * ay
      const dz = pz - part * az
      return Math.sqrt(dx * dx + dy * dy + dz * dz) - (fromRadiusMm + part * growth)
    },
    visiblePart: (voxelMm) => Math.min(1, (3.14 * thin * thin) / voxelMm ** 2),
  }
}

/** Sticks through the points, one after the other. */
export function tube(points: readonly Readonly<Triple>[], radiusMm: number): Solid[] {
  return points.slice(1).map((point, n) => stick(points[n]!, point, radiusMm, radiusMm))
}
