import type { Triple } from '../geometry.js'
import type { Disease } from './disease.js'
import { lungLobeLabels, phantomOrgans, ribLabel } from './organs.js'
import type { OrganShape, Patient } from './patient.js'
import { blob, everywhere, type Solid, smoothStep } from './solids.js'

/**
 * Where the structures of a patient are, as closed formulas: RAS mm from between the hila, in the standard size. What
 * findings do to whole organs (a wide heart, a bulging aorta) is in here too; what they put into organs is in lesions.ts.
 */

const square = (value: number) => value * value

/** The outline of the torso, `outerMm` outside the muscles, between an ellipse and a box. */
export function torso(outerMm: number): Solid {
  const [a, b] = [160 + outerMm, 106 + outerMm]
  return {
    ...everywhere,
    distanceMm: (x, y, z) => {
      const narrowing = 1 - 0.35 * smoothStep(95, 165, z)
      const u = Math.abs(x) / (a * narrowing)
      const v = Math.abs(y) / (b * narrowing)
      return ((u * u * u + v * v * v - 1) / 3) * b
    },
  }
}

/** How the chest narrows toward its top. */
const taper = (z: number): number => (z <= 0 ? 1 : Math.sqrt(Math.max(0.12, 1 - square(z / 150))))

/** 1 on the inner surface of the ribs. */
export function wallRadius(x: number, y: number, z: number): number {
  const width = taper(z)
  return Math.sqrt(square(x / (137 * width)) + square((y - 2) / (91 * width)))
}

/** Height of the diaphragm's two domes, of which the right one is higher. */
export function diaphragmHeight({ diaphragmMm }: Patient, x: number, y: number): number {
  const forward = square((y - 4) / 100)
  const right = -98 + 56 * (1 - square((x - 62) / 80) - forward)
  const left = -108 + 54 * (1 - square((x + 62) / 80) - forward)
  return Math.max(right, left, -125) + diaphragmMm
}

/** Both lungs with what lies between their lobes and in them, heart and great vessels not taken out. */
export function lungs(patient: Patient): Solid {
  return {
    low: [-140, -95, -130],
    high: [140, 95, 140],
    distanceMm: (x, y, z) => {
      const wall = (wallRadius(x, y, z) - 0.975) * 88
      if (wall > 20) return wall
      const below = (diaphragmHeight(patient, x, y) + 3 - z) * 0.75
      const apex =
        z < 20 ? -99 : (Math.sqrt(square((Math.abs(x) - 55) / 78) + square(y / 88) + square((z - 20) / 112)) - 1) * 78
      const half = 25 + patient.mediastinumMm - 14 * smoothStep(25, 70, y) + 6 * smoothStep(60, 110, z)
      const spine = (1 - Math.sqrt(square(x / 23) + square((y + 54) / 20))) * 20
      return Math.max(wall, below, apex, half - Math.abs(x), spine)
    },
  }
}

/** The lobe of a point inside a lung: fissures as planes, the oblique ones rising toward the back. */
export function lobeLabel({ fissures }: Patient, x: number, y: number, z: number): number {
  const lower = z < fissures.height - fissures.slope * y
  if (x < 0) return lower ? phantomOrgans.leftLowerLobe : phantomOrgans.leftUpperLobe
  if (lower) return phantomOrgans.rightLowerLobe
  return z < fissures.minor ? phantomOrgans.rightMiddleLobe : phantomOrgans.rightUpperLobe
}

export const isLung = (label: number): boolean => lungLobeLabels.includes(label)

export const heartCentreMm: Readonly<Triple> = [-24, 24, -38]

/** Long axis (left, forward, down), and two across. */
export const heartAxes: readonly [Triple, Triple, Triple] = [
  [-0.77, 0.52, -0.36],
  [0.56, 0.83, 0],
  [-0.3, 0.2, 0.93],
]

/** The heart without what surrounds it, `outerMm` thicker on all sides. */
export function heart(patient: Patient, disease: Disease, outerMm = 0): Solid {
  const { scale, moveMm, bumps } = patient.heart
  const size = scale * disease.heartScale
  const centre = heartCentreMm.map((mm, axis) => mm + moveMm[axis]!) as Triple
  const inner = blob([0, 0, 0], [62 * size + outerMm, 44 * size + outerMm, 47 * size + outerMm], bumps)
  const reach = 64 * size * 1.2 + outerMm
  const [along, across, up] = heartAxes
  return {
    low: centre.map((mm) => mm - reach) as Triple,
    high: centre.map((mm) => mm + reach) as Triple,
    distanceMm: (x, y, z) => {
      const dx = x - centre[0]
      const dy = y - centre[1]
      const dz = z - centre[2]
      const surface = inner.distanceMm(
        along[0] * dx + along[1] * dy + along[2] * dz,
        across[0] * dx + across[1] * dy + across[2] * dz,
        up[0] * dx + up[1] * dy + up[2] * dz,
      )
      // It rests on the diaphragm, and leaves the wall of the chest alone.
      if (surface > 10) return surface
      const below = (diaphragmHeight(patient, x, y) + 2 - z) * 0.75
      return Math.max(surface, below, (wallRadius(x, y, z) - 0.97) * 88, 30 - Math.sqrt(square(x) + square(y + 54)))
    },
  }
}

/** A point of the heart by its own axes, in parts of its radii. */
export function heartPoint(patient: Patient, disease: Disease, [u, v, w]: Readonly<Triple>): Triple {
  const size = patient.heart.scale * disease.heartScale
  const [a, b, c] = [u * 62 * size, v * 44 * size, w * 47 * size]
  return heartCentreMm.map((mm, axis) => {
    const [along, across, up] = heartAxes
    return mm + patient.heart.moveMm[axis]! + a * along[axis]! + b * across[axis]! + c * up[axis]!
  }) as Triple
}

const ascending = { x: 12, y: 20, radius: 14.5 }
const descending = { x: -20, y: -34, radius: 11 }
const archHeightMm = 48

/** Radius of one of the aorta's limbs at a height. */
export function aortaRadius(patient: Patient, { aneurysm }: Disease, limb: 'ascending' | 'descending', z: number) {
  const normal = (limb === 'ascending' ? ascending : descending).radius * patient.aortaScale
  if (aneurysm === undefined || aneurysm.limb !== limb) return normal
  // A bulge with soft ends.
  return normal + (aneurysm.radiusMm - normal) / square(1 + square((z - aneurysm.heightMm) / 34))
}

/** Where the descending aorta runs: toward the middle in the belly. */
export function descendingAorta(z: number): readonly [x: number, y: number] {
  const lower = smoothStep(-60, -150, z)
  return [descending.x + 14 * lower, descending.y + 6 * lower]
}

/** Ascending part, arch, descending part down to the pelvis. */
export function aorta(patient: Patient, disease: Disease): Solid {
  const span = [ascending.x - descending.x, ascending.y - descending.y] as const
  const radius = Math.sqrt(square(span[0]) + square(span[1])) / 2
  const [unitX, unitY] = [span[0] / (2 * radius), span[1] / (2 * radius)]
  const [middleX, middleY] = [(ascending.x + descending.x) / 2, (ascending.y + descending.y) / 2]
  return {
    low: [-70, -85, -300],
    high: [62, 70, 115],
    distanceMm: (x, y, z) => {
      if (z < archHeightMm) {
        const [cx, cy] = descendingAorta(z)
        const down = Math.sqrt(square(x - cx) + square(y - cy)) - aortaRadius(patient, disease, 'descending', z)
        if (z < -10) return down
        const up = Math.sqrt(square(x - ascending.x) + square(y - ascending.y))
        return Math.min(down, up - aortaRadius(patient, disease, 'ascending', z))
      }
      // A half circle in the vertical plane through both limbs.
      const along = (x - middleX) * unitX + (y - middleY) * unitY
      const aside = (x - middleX) * unitY - (y - middleY) * unitX
      const part = (along / radius + 1) / 2
      const wide = aortaRadius(patient, disease, 'ascending', z)
      const narrow = aortaRadius(patient, disease, 'descending', z)
      const bend = Math.sqrt(square(along) + square(z - archHeightMm)) - radius
      return Math.sqrt(square(bend) + square(aside)) - (narrow + (wide - narrow) * Math.min(Math.max(part, 0), 1))
    },
  }
}

/** An organ of the belly: a blob of standard place and size, changed by the patient, below the diaphragm. */
function abdominal(patient: Patient, centre: Readonly<Triple>, radii: Readonly<Triple>, shape: OrganShape, size = 1) {
  const { scale, moveMm, bumps } = shape
  const moved = centre.map((mm, axis) => mm + moveMm[axis]!) as Triple
  const inner = blob(moved, radii.map((mm) => mm * scale * size) as Triple, bumps)
  return {
    ...inner,
    distanceMm: (x: number, y: number, z: number) => {
      const surface = inner.distanceMm(x, y, z)
      if (surface > 10) return surface
      const above = (z + 2 - diaphragmHeight(patient, x, y)) * 0.75
      return Math.max(surface, above, (wallRadius(x, y, z) - 0.95) * 88)
    },
  }
}

export const liver = (patient: Patient): Solid => abdominal(patient, [50, 8, -107], [86, 74, 68], patient.liver)

export const spleen = (patient: Patient, { spleenScale }: Disease): Solid =>
  abdominal(patient, [-88, -34, -112], [33, 46, 52], patient.spleen, spleenScale)

export const stomach = (patient: Patient): Solid => abdominal(patient, [-50, 28, -122], [40, 34, 44], patient.stomach)

export const kidneyCentreMm = (patient: Patient, side: 'right' | 'left'): Triple => {
  const { moveMm } = side === 'right' ? patient.rightKidney : patient.leftKidney
  const centre: Triple = side === 'right' ? [62, -46, -180] : [-62, -46, -172]
  return centre.map((mm, axis) => mm + moveMm[axis]!) as Triple
}

export function kidney(patient: Patient, side: 'right' | 'left'): Solid {
  const shape = side === 'right' ? patient.rightKidney : patient.leftKidney
  const radii = [27, 24, 50].map((mm) => mm * shape.scale) as Triple
  return blob(kidneyCentreMm(patient, side), radii, shape.bumps)
}

export const gallbladderCentreMm = ({ gallbladder: { moveMm } }: Patient): Triple => [
  46 + moveMm[0],
  50 + moveMm[1],
  -158 + moveMm[2],
]

export function gallbladder(patient: Patient): Solid {
  const { scale, bumps } = patient.gallbladder
  return blob(gallbladderCentreMm(patient), [18 * scale, 18 * scale, 28 * scale], bumps)
}

/** A vertebra and its disc every 25 mm. */
export const vertebraHeightMm = 25
export const highestVertebraTopMm = 144.5

/** Vertebral bodies without discs; `level` of a height counts from T1. */
export const vertebralLevel = (z: number): number => Math.floor((highestVertebraTopMm - z) / vertebraHeightMm)

export const spine: Solid = {
  low: [-36, -104, -1000],
  high: [36, -36, 1000],
  distanceMm: (x, y) => {
    const body = (Math.sqrt(square(x / 18) + square((y + 54) / 15)) - 1) * 15
    const arch = Math.sqrt(square(x) + square(y + 76)) - 13
    const process = Math.max(Math.abs(x) - 4, Math.abs(y + 93) - 8)
    const transverse = Math.max(Math.abs(x) - 33, Math.abs(y + 74) - 5)
    return Math.min(body, arch, process, transverse)
  },
}

/** Ribs slope down toward the front, and end in cartilage before the breastbone. */
const ribPitchMm = 24

const ribPhase = (y: number, z: number): number => (z + 0.45 * y) / ribPitchMm

export const ribs: Solid = {
  low: [-150, -100, -160],
  high: [150, 100, 150],
  distanceMm: (x, y, z) => {
    const shell = wallRadius(x, y, z)
    const across = Math.abs(shell - 1.04) * 90 - 3.4
    if (across > 12 || z < -150 + 0.2 * y) return 12
    const phase = ribPhase(y, z)
    const along = Math.abs(phase - Math.floor(phase) - 0.5) * ribPitchMm - 5.5
    const ends = Math.max(y > 45 ? 40 - Math.abs(x) : -9, y < 0 ? 20 - Math.abs(x) : -9)
    return Math.max(across, along, ends)
  },
}

/** Counted from the top: the first rib leaves the spine highest. */
export const ribNumber = (x: number, y: number, z: number): number =>
  ribLabel(x > 0 ? 'right' : 'left', 4 - Math.floor(ribPhase(y, z)))

export const sternum: Solid = {
  low: [-17, 80, -70],
  high: [17, 94, 105],
  distanceMm: (x, y, z) => Math.max(Math.abs(x) - 16, Math.abs(y - 87.5) - 5, -70 - z, z - 105),
}
