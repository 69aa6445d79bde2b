import { DataError } from '../errors.js'
import { affineFromColumns, applyAffine, type Triple } from '../geometry.js'
import { RandomStream } from '../random.js'
import { countVoxels, fortranOrderStrides, spacingMm, type Volume, validateVolume } from '../volume.js'
import {
  capsuleDistance,
  type LungLobe,
  lobeAt,
  lungLobes,
  lungTopMm,
  type Physique,
  phantomLabels,
  randomPhysique,
  type TissueName,
  tissueAt,
  tissues,
} from './chest-anatomy.js'
import { describeFindings, type PhantomFinding } from './chest-findings.js'
import { growVessels } from './chest-vessels.js'

export interface NoduleOptions {
  /** Default: drawn from 5 to 25 mm. */
  diameterMm?: number
  /** Default: any lobe. */
  lobe?: LungLobe
  /** RAS mm; must lie in a lung. Default: a place inside the lobe where the whole nodule fits. */
  centreMm?: Triple
}

export interface EffusionOptions {
  /** Default: drawn. */
  side?: 'right' | 'left'
  /** Thickness of the fluid at the base of the lung. Default: drawn from 15 to 60 mm. */
  depthMm?: number
}

export interface PhantomOptions {
  /** Whole number from 0 to 2^53 - 1. Equal options give equal phantoms on every machine. */
  seed: number
  /** Voxels from right to left, anterior to posterior, inferior to superior. Default 192 x 160 x 160. */
  shape?: Triple
  /** Default 2 x 2 x 2. Give either this or `sizeMm`. */
  spacingMm?: Triple
  /** Extent of the whole volume. */
  sizeMm?: Triple
  /** True for one drawn at random. Default false. */
  nodule?: boolean | NoduleOptions
  /** True for one drawn at random. Default false. */
  effusion?: boolean | EffusionOptions
  /** Contrast medium in heart, aorta and lung vessels. Default false. */
  contrast?: boolean
  /** Standard deviation of the noise. Default 15. */
  noiseHu?: number
}

export interface Phantom {
  /**
   * Hounsfield units, int16, array axes toward left, posterior, superior (LPS), as scanners and CT archives have it.
   */
  volume: Volume
  /** uint8 on the same grid, values of `phantomLabels`. */
  labels: Volume
  findings: PhantomFinding[]
  /** One line of prose that states exactly the findings. */
  report: string
}

/** Independent random sequences, so that asking for a nodule does not change the patient. */
const STREAMS = { physique: 0, vessels: 1, nodule: 2, effusion: 3, noise: 4, texture: 5 } as const

const CONTRAST_HU: Partial<Record<TissueName, number>> = { heartBlood: 210, aorta: 260, vessel: 220 }
const LOWEST_HU = -1024
const HIGHEST_HU = 3071
const MOST_TRIES = 20000

/** The lowest point of the pleura behind the lungs, from which fluid rises in a patient who lies on the back. */
const PLEURA_BACK_MM = -86

/**
 * A synthetic chest CT with its labels, findings and report. Synthetic and anatomically rough, but with everything in
 * its place: air, skin fat, ribs, spine, lungs with branching vessels, airways, heart on the left, aorta, diaphragm,
 * liver, spleen, couch and noise; on demand a nodule and an effusion. Throws a DataError for options that cannot be
 * met.
 */
export function makeChestPhantom(options: PhantomOptions): Phantom {
  const { seed, shape = [192, 160, 160], contrast = false, noiseHu = 15 } = options
  const spacing = chosenSpacing(options, shape)
  const affine = affineFromColumns(
    [
      [-spacing[0], 0, 0],
      [0, -spacing[1], 0],
      [0, 0, spacing[2]],
    ],
    // The middle of the grid lies at the origin.
    [((shape[0] - 1) / 2) * spacing[0], ((shape[1] - 1) / 2) * spacing[1], (-(shape[2] - 1) / 2) * spacing[2]],
  )
  const strides = fortranOrderStrides(shape)
  const labels: Volume = { data: new Uint8Array(countVoxels(shape)), shape: [...shape], strides, offset: 0, affine }
  validateVolume(labels)
  if (!(noiseHu >= 0 && Number.isFinite(noiseHu))) throw new DataError(`noise of ${noiseHu} HU is not possible`)

  const physique = randomPhysique(new RandomStream(seed, STREAMS.physique))
  const effusion = planEffusion(options.effusion ?? false, new RandomStream(seed, STREAMS.effusion))
  const scene = sceneOf(physique, effusion)
  const nodule = planNodule(options.nodule ?? false, scene, new RandomStream(seed, STREAMS.nodule))
  const volume: Volume = { ...labels, data: new Int16Array(labels.data.length) }
  const hu = (tissue: TissueName) => (contrast ? CONTRAST_HU[tissue] : undefined) ?? tissues[tissue].hu

  paint(volume, labels, scene, hu)
  paintVessels(volume, labels, hu('vessel'), new RandomStream(seed, STREAMS.vessels))
  if (nodule !== undefined) paintNodule(volume, labels, nodule)
  addNoise(volume, noiseHu, new RandomStream(seed, STREAMS.noise))
  const findings = [nodule, effusion].filter((finding) => finding !== undefined)
  return { volume, labels, findings, report: describeFindings(findings) }
}

function chosenSpacing({ spacingMm, sizeMm }: PhantomOptions, shape: Triple): Triple {
  if (spacingMm !== undefined && sizeMm !== undefined) {
    throw new DataError('both spacingMm and sizeMm are given', { remedy: 'Leave one of them out' })
  }
  return spacingMm ?? ((sizeMm?.map((mm, axis) => mm / shape[axis]!) ?? [2, 2, 2]) as Triple)
}

type Scene = (x: number, y: number, z: number) => TissueName
type Nodule = Extract<PhantomFinding, { kind: 'nodule' }>
type Effusion = Extract<PhantomFinding, { kind: 'effusion' }>

/** The anatomy with the fluid in it. */
function sceneOf(physique: Physique, effusion: Effusion | undefined): Scene {
  if (effusion === undefined) return (x, y, z) => tissueAt(physique, x, y, z)
  const wet = effusion.side === 'right' ? 'rightLung' : 'leftLung'
  return (x, y, z) => {
    const tissue = tissueAt(physique, x, y, z)
    // Deepest at the base, thinning out toward the top of the lung.
    const level = PLEURA_BACK_MM + effusion.depthMm * Math.min(1, 1 - (z + 60) / 190)
    return tissue === wet && y < level ? 'effusion' : tissue
  }
}

function planEffusion(request: boolean | EffusionOptions, random: RandomStream): Effusion | undefined {
  if (request === false) return undefined
  const wish = request === true ? {} : request
  const drawnDepthMm = Math.round(random.uniform(15, 60))
  const drawnSide = random.choose(['right', 'left'] as const)
  const { depthMm = drawnDepthMm, side = drawnSide } = wish
  if (!(depthMm > 0 && depthMm <= 120)) throw new DataError(`an effusion of ${depthMm} mm is not possible (0 to 120)`)
  return { kind: 'effusion', side, depthMm, size: depthMm < 25 ? 'small' : depthMm < 45 ? 'moderate' : 'large' }
}

function planNodule(request: boolean | NoduleOptions, scene: Scene, random: RandomStream): Nodule | undefined {
  if (request === false) return undefined
  const wish = request === true ? {} : request
  const drawnDiameterMm = Math.round(random.uniform(5, 25))
  const drawnLobe = random.choose(lungLobes)
  const { diameterMm = drawnDiameterMm, lobe: wantedLobe = drawnLobe } = wish
  if (!(diameterMm > 0 && diameterMm <= 60))
    throw new DataError(`a nodule of ${diameterMm} mm is not possible (0 to 60)`)
  const isLung = ([x, y, z]: Triple) => scene(x, y, z).endsWith('Lung')
  if (wish.centreMm !== undefined) {
    if (!isLung(wish.centreMm)) throw new DataError(`there is no lung at (${wish.centreMm.join(', ')}) mm for a nodule`)
    return { kind: 'nodule', lobe: lobeAt(wish.centreMm), centreMm: wish.centreMm, diameterMm }
  }
  const reach = diameterMm / 2 + 2
  for (let round = 0; round < MOST_TRIES; round++) {
    const centreMm: Triple = [random.uniform(-135, 135), random.uniform(-88, 88), random.uniform(-100, lungTopMm)]
    const rim = [0, 1, 2].flatMap((axis) => [reach, -reach].map((mm) => centreMm.with(axis, centreMm[axis]! + mm)))
    if (isLung(centreMm) && lobeAt(centreMm) === wantedLobe && rim.every((point) => isLung(point as Triple))) {
      return { kind: 'nodule', lobe: wantedLobe, centreMm: centreMm.map((mm) => Math.round(mm)) as Triple, diameterMm }
    }
  }
  throw new DataError(`a nodule of ${diameterMm} mm fits nowhere in the ${wantedLobe}`)
}

/** Every voxel takes the tissue at its centre; lungs get denser toward the back, where blood sinks. */
function paint(volume: Volume, labels: Volume, scene: Scene, hu: (tissue: TissueName) => number): void {
  const { shape, affine } = volume
  let index = 0
  for (let k = 0; k < shape[2]; k++) {
    for (let j = 0; j < shape[1]; j++) {
      for (let i = 0; i < shape[0]; i++, index++) {
        const [x, y, z] = [affine[0]! * i + affine[3]!, affine[5]! * j + affine[7]!, affine[10]! * k + affine[11]!]
        const tissue = scene(x, y, z)
        const { label } = tissues[tissue]
        labels.data[index] = phantomLabels[label]
        volume.data[index] = hu(tissue) - (label.endsWith('Lung') ? 0.35 * y : 0)
      }
    }
  }
}

/** Calls `visit` with the index and the position of every voxel in a box of RAS mm. */
function forEachVoxelIn(
  volume: Volume,
  low: Readonly<Triple>,
  high: Readonly<Triple>,
  visit: (index: number, point: Triple) => void,
): void {
  const { affine, shape, strides } = volume
  const range = ([0, 1, 2] as const).map((axis) => {
    const [step, origin] = [affine[axis * 5]!, affine[axis * 4 + 3]!]
    const ends = [(low[axis] - origin) / step, (high[axis] - origin) / step]
    return {
      first: Math.max(0, Math.ceil(Math.min(...ends))),
      last: Math.min(shape[axis] - 1, Math.floor(Math.max(...ends))),
    }
  })
  const [across, down, up] = range as [(typeof range)[0], (typeof range)[0], (typeof range)[0]]
  for (let k = up.first; k <= up.last; k++) {
    for (let j = down.first; j <= down.last; j++) {
      for (let i = across.first; i <= across.last; i++) {
        visit(i * strides[0] + j * strides[1] + k * strides[2], applyAffine(affine, [i, j, k]))
      }
    }
  }
}

/** Vessels blend into the voxels they fill partly, so that thin ones fade instead of breaking up. */
function paintVessels(volume: Volume, labels: Volume, hu: number, random: RandomStream): void {
  const voxelMm = Math.max(...spacingMm(volume))
  for (const { from, to, fromRadiusMm, toRadiusMm } of growVessels(random)) {
    const reach = fromRadiusMm + voxelMm / 2
    const low = from.map((mm, axis) => Math.min(mm, to[axis]!) - reach) as Triple
    const high = from.map((mm, axis) => Math.max(mm, to[axis]!) + reach) as Triple
    forEachVoxelIn(volume, low, high, (index, point) => {
      // Vessels stay lung in the labels, as lung masks are drawn in practice.
      const label = labels.data[index]
      if (label !== phantomLabels.rightLung && label !== phantomLabels.leftLung) return
      const filled = 0.5 - capsuleDistance(point, from, to, fromRadiusMm, toRadiusMm) / voxelMm
      if (filled <= 0) return
      const blend = tissues.rightLung.hu + (hu - tissues.rightLung.hu) * Math.min(filled, 1)
      volume.data[index] = Math.max(volume.data[index]!, blend)
    })
  }
}

function paintNodule(volume: Volume, labels: Volume, { centreMm, diameterMm }: Nodule): void {
  const radius = diameterMm / 2
  const low = centreMm.map((mm) => mm - radius) as Triple
  const high = centreMm.map((mm) => mm + radius) as Triple
  forEachVoxelIn(volume, low, high, (index, [x, y, z]) => {
    if (Math.hypot(x - centreMm[0], y - centreMm[1], z - centreMm[2]) > radius) return
    volume.data[index] = tissues.nodule.hu
    labels.data[index] = phantomLabels.nodule
  })
}

function addNoise(volume: Volume, noiseHu: number, random: RandomStream): void {
  const slice = volume.shape[0] * volume.shape[1]
  const normal = new Float32Array(slice)
  for (let start = 0; start < volume.data.length; start += slice) {
    random.fillNormal(normal)
    for (let n = 0; n < slice; n++) {
      const noisy = Math.round(volume.data[start + n]! + noiseHu * normal[n]!)
      volume.data[start + n] = Math.min(Math.max(noisy, LOWEST_HU), HIGHEST_HU)
    }
  }
}
