import type { Triple } from '../geometry.js'
import { RandomStream } from '../random.js'
import { wave } from './solids.js'
import { streams } from './streams.js'

/** How a patient lies in the scanner: the patient's own coordinates are scaled, turned, moved, then bent a little. */
export interface Pose {
  /** Of the patient to the anatomy's standard size, by axis. */
  readonly scale: Triple
  /** Where the patient's origin lies in the scanner. */
  readonly shiftMm: Triple
  /** The patient's axes in the scanner. */
  readonly turn: readonly [Triple, Triple, Triple]
  readonly bends: readonly Bend[]
}

/** One smooth wave of displacement along one axis. */
interface Bend {
  readonly axis: 0 | 1 | 2
  readonly amplitudeMm: number
  /** Waves per mm and phase, by axis. */
  readonly frequency: Triple
  readonly phase: Triple
}

const BENDS_PER_AXIS = 2

export function randomPose(seed: number): Pose {
  const random = new RandomStream(seed, streams.pose)
  const size = random.uniform(0.82, 1.06)
  const scale: Triple = [
    size * random.uniform(0.93, 1.08),
    size * random.uniform(0.92, 1.09),
    size * random.uniform(0.92, 1.1),
  ]
  const shiftMm: Triple = [random.uniform(-28, 28), random.uniform(-26, 26), random.uniform(-34, 34)]
  const turn = rotation(random.uniform(-0.035, 0.035), random.uniform(-0.05, 0.05), random.uniform(-0.06, 0.06))
  const bends = ([0, 1, 2] as const).flatMap((axis) =>
    Array.from({ length: BENDS_PER_AXIS }, (): Bend => {
      const draw = (low: number, high: number): Triple => [
        random.uniform(low, high),
        random.uniform(low, high),
        random.uniform(low, high),
      ]
      return { axis, amplitudeMm: random.uniform(1.5, 5), frequency: draw(0.0025, 0.007), phase: draw(0, 1) }
    }),
  )
  return { scale, shiftMm, turn, bends }
}

/** The axes after a turn by the unit quaternion of (1, b, c, d): exact on every machine, unlike sines. */
function rotation(b: number, c: number, d: number): Pose['turn'] {
  const double = 2 / (1 + b * b + c * c + d * d)
  return [
    [1 - double * (c * c + d * d), double * (b * c + d), double * (b * d - c)],
    [double * (b * c - d), 1 - double * (b * b + d * d), double * (c * d + b)],
    [double * (b * d + c), double * (c * d - b), 1 - double * (b * b + c * c)],
  ]
}

/** Most that the bends of a pose move a point, along each axis of the scanner. */
export function bendReachMm({ bends, scale, turn }: Pose): Triple {
  const reach: Triple = [0, 0, 0]
  for (const { axis, amplitudeMm } of bends) {
    for (const row of [0, 1, 2] as const) reach[row] += amplitudeMm * scale[axis] * Math.abs(turn[axis][row])
  }
  return reach
}

/** Where a point of the patient lies in the scanner, but for the bends. */
export function toScanner({ scale, shiftMm, turn }: Pose, [x, y, z]: Readonly<Triple>): Triple {
  const [u, v, w] = [x * scale[0], y * scale[1], z * scale[2]]
  const row = (r: 0 | 1 | 2) => turn[0][r] * u + turn[1][r] * v + turn[2][r] * w + shiftMm[r]
  return [row(0), row(1), row(2)]
}

/** The patient's coordinates of every voxel of a grid, first axis fastest. */
export interface PatientCoordinates {
  readonly x: Float32Array
  readonly y: Float32Array
  readonly z: Float32Array
}

/** @param axesMm scanner coordinates of the voxel centres along each axis of the grid */
export function patientCoordinates(pose: Pose, axesMm: readonly [number[], number[], number[]]): PatientCoordinates {
  const [across, down, up] = axesMm
  const count = across.length * down.length * up.length
  const out = [new Float32Array(count), new Float32Array(count), new Float32Array(count)] as const
  const { shiftMm, scale, turn } = pose
  const bends = pose.bends.map(({ axis, amplitudeMm, frequency, phase }) => ({
    axis,
    tables: axesMm.map((places, n) =>
      Float64Array.from(places, (mm) => wave(mm * frequency[n]! + phase[n]!) * (n === 0 ? amplitudeMm : 1)),
    ) as [Float64Array, Float64Array, Float64Array],
  }))
  // The transpose undoes the turn. Written out, because this runs for every voxel.
  const [xx, xy, xz] = turn[0].map((value) => value / scale[0]) as Triple
  const [yx, yy, yz] = turn[1].map((value) => value / scale[1]) as Triple
  const [zx, zy, zz] = turn[2].map((value) => value / scale[2]) as Triple
  const [xs, ys, zs] = out
  let index = 0
  for (let k = 0; k < up.length; k++) {
    for (let j = 0; j < down.length; j++) {
      const [y, z] = [down[j]! - shiftMm[1], up[k]! - shiftMm[2]]
      const first = index
      for (let i = 0; i < across.length; i++, index++) {
        const x = across[i]! - shiftMm[0]
        xs[index] = xx * x + xy * y + xz * z
        ys[index] = yx * x + yy * y + yz * z
        zs[index] = zx * x + zy * y + zz * z
      }
      for (const { axis, tables } of bends) {
        const plane = tables[1][j]! * tables[2][k]!
        const target = out[axis]
        const table = tables[0]
        for (let i = 0; i < table.length; i++) target[first + i]! += table[i]! * plane
      }
    }
  }
  return { x: out[0], y: out[1], z: out[2] }
}
