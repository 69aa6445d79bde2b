import type { Triple } from '../geometry.js'
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
}

/** Thinner things are lost in any scan's noise; on coarse grids they would be most of the work. */
const LEAST_VISIBLE_PART = 0.12

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

  paint(solid: Solid, { hu, label, within }: Paint): void {
    const { coordinates, labels } = this
    const { x: xs, y: ys, z: zs } = coordinates
    const ranges = this.#ranges(solid)
    const part = solid.visiblePart?.(this.voxelMm) ?? 1
    if (part < LEAST_VISIBLE_PART) return
    const ramp = 1 / this.#rampMm
    const allowed = within === undefined ? undefined : this.#allowed.fill(0)
    for (const value of within ?? []) allowed![value] = 1
    const [width, height] = [this.axesMm[0].length, this.axesMm[1].length]
    for (let k = ranges[2]![0]; k <= ranges[2]![1]; k++) {
      for (let j = ranges[1]![0]; j <= ranges[1]![1]; j++) {
        const row = (k * height + j) * width
        for (let index = row + ranges[0]![0]; index <= row + ranges[0]![1]; index++) {
          if (allowed !== undefined && allowed[labels[index]!] === 0) continue
          const x = xs[index]!
          const y = ys[index]!
          const z = zs[index]!
          const distance = solid.distanceMm(x, y, z)
          const filled = 0.5 - distance * ramp
          if (filled <= 0) continue
          const value = typeof hu === 'number' ? hu : hu(x, y, z)
          this.hu[index]! += (value - this.hu[index]!) * (filled < 1 ? filled : 1) * part
          if (label !== undefined && distance < 0) labels[index] = typeof label === 'number' ? label : label(x, y, z)
        }
      }
    }
  }

  /** First and last voxel along each axis that a solid can touch. */
  #ranges({ low, high }: Solid): [number, number][] {
    const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((n) =>
      toScanner(this.pose, [0, 1, 2].map((axis) => (n & (1 << axis) ? high : low)[axis]!) as Triple),
    )
    return this.axesMm.map((places, axis) => {
      const along = corners.map((corner) => corner[axis]!)
      const reach = this.#reachMm[axis]!
      const [from, to] = [Math.min(...along) - reach, Math.max(...along) + reach]
      // The axes of the grid run either way.
      const step = places.length > 1 ? places[1]! - places[0]! : 1
      const ends = [(from - places[0]!) / step, (to - places[0]!) / step]
      return [Math.max(0, Math.ceil(Math.min(...ends))), Math.min(places.length - 1, Math.floor(Math.max(...ends)))]
    })
  }
}
