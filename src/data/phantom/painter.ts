import { bendReachMm, type PatientCoordinates, type Pose, toScanner } from './frame.js'
import type { Solid } from './solids.js'

/** A number, or what it is at a point of the patient. */
export type Varying = number | ((x: number, y: number, z: number) => number)

export interface Paint {
  readonly hu: Varying
  /** What the mask becomes where a voxel's centre lies inside. Default: it stays. */
  readonly label?: Varying
  /** Only where the mask has one of these. Default: everywhere. */
  readonly within?: readonly number[]
  /** Left out when less of it can be seen on this grid. Default 0. */
  readonly leastVisiblePart?: number
}

/** Puts solids into a volume, one over the other, mixing voxels that they fill partly. */
export class Painter {
  readonly hu: Float32Array
  readonly labels: Uint8Array
  readonly #allowed = new Uint8Array(256)
  readonly #rampMm: number
  /** How far outside its box a solid can touch voxels. */
  readonly #reachMm: readonly number[]

  /**
   * @param axesMm scanner coordinates of the voxel centres along each axis
   * @param softness width of edges in voxels, of the scanner's reconstruction
   */
  constructor(
    readonly pose: Pose,
    readonly coordinates: PatientCoordinates,
    readonly axesMm: readonly [number[], number[], number[]],
    readonly voxelMm: number,
    softness: number,
  ) {
    const count = coordinates.x.length
    this.hu = new Float32Array(count)
    this.labels = new Uint8Array(count)
    this.#rampMm = voxelMm * softness
    this.#reachMm = bendReachMm(pose).map((mm) => mm + this.#rampMm)
  }

  paint(solid: Solid, { hu, label, within, leastVisiblePart = 0 }: Paint): void {
    const { coordinates, labels, hu: values } = this
    const { x: xs, y: ys, z: zs } = coordinates
    const { distanceMm } = solid
    const part = solid.visiblePart?.(this.voxelMm) ?? 1
    if (part < leastVisiblePart) return
    const [across, down, up] = this.#ranges(solid)
    const ramp = 1 / this.#rampMm
    const allowed = within === undefined ? undefined : this.#allowed.fill(0)
    for (const value of within ?? []) allowed![value] = 1
    const [width, height] = [this.axesMm[0].length, this.axesMm[1].length]
    for (let k = up.first; k <= up.last; k++) {
      for (let j = down.first; j <= down.last; j++) {
        const row = (k * height + j) * width
        const last = row + across.last
        for (let index = row + across.first; index <= last; index++) {
          if (allowed !== undefined && allowed[labels[index]!] === 0) continue
          const x = xs[index]!
          const y = ys[index]!
          const z = zs[index]!
          const distance = distanceMm(x, y, z)
          const filled = 0.5 - distance * ramp
          if (filled <= 0) continue
          const value = typeof hu === 'number' ? hu : hu(x, y, z)
          values[index]! += (value - values[index]!) * (filled < 1 ? filled : 1) * part
          if (label !== undefined && distance < 0) labels[index] = typeof label === 'number' ? label : label(x, y, z)
        }
      }
    }
  }

  /** The voxels along each axis that a solid can touch. */
  #ranges({ low, high }: Solid): [VoxelRange, VoxelRange, VoxelRange] {
    const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((n) =>
      toScanner(this.pose, [n & 1 ? high[0] : low[0], n & 2 ? high[1] : low[1], n & 4 ? high[2] : low[2]]),
    )
    return this.axesMm.map((places, axis) => {
      const along = corners.map((corner) => corner[axis]!)
      const reach = this.#reachMm[axis]!
      const [from, to] = [Math.min(...along) - reach, Math.max(...along) + reach]
      // The axes of the grid run either way.
      const step = places.length > 1 ? places[1]! - places[0]! : 1
      const ends = [(from - places[0]!) / step, (to - places[0]!) / step]
      const first = Math.max(0, Math.ceil(Math.min(...ends)))
      return { first, last: Math.min(places.length - 1, Math.floor(Math.max(...ends))) }
    }) as [VoxelRange, VoxelRange, VoxelRange]
  }
}

interface VoxelRange {
  readonly first: number
  readonly last: number
}
