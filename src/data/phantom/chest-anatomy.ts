import type { Triple } from '../geometry.js'
import type { RandomStream } from '../random.js'

/**
 * A chest as closed formulas. Positions are RAS millimetres (x right, y anterior, z superior) from a point in the
 * middle of the chest, between the hila. Sizes are those of an adult, and roughly right: good enough to look like a CT,
 * to segment, and to ask "which lobe" and "which side" of.
 */

/** Values of the label volume. */
export const phantomLabels = {
  outside: 0,
  body: 1,
  rightLung: 2,
  leftLung: 3,
  airway: 4,
  heart: 5,
  aorta: 6,
  bone: 7,
  liver: 8,
  spleen: 9,
  nodule: 10,
  effusion: 11,
  couch: 12,
} as const

export type PhantomLabel = keyof typeof phantomLabels

/** A kind of matter: its mean Hounsfield value and the structure it belongs to. */
export interface Tissue {
  hu: number
  label: PhantomLabel
}

export const tissues = {
  air: { hu: -1000, label: 'outside' },
  couchShell: { hu: -150, label: 'couch' },
  couchFoam: { hu: -930, label: 'couch' },
  fat: { hu: -100, label: 'body' },
  muscle: { hu: 45, label: 'body' },
  rightLung: { hu: -860, label: 'rightLung' },
  leftLung: { hu: -860, label: 'leftLung' },
  airway: { hu: -1000, label: 'airway' },
  heartMuscle: { hu: 50, label: 'heart' },
  heartBlood: { hu: 42, label: 'heart' },
  aorta: { hu: 42, label: 'aorta' },
  corticalBone: { hu: 700, label: 'bone' },
  marrow: { hu: 300, label: 'bone' },
  disc: { hu: 90, label: 'body' },
  spinalCanal: { hu: 25, label: 'body' },
  liver: { hu: 60, label: 'liver' },
  spleen: { hu: 50, label: 'spleen' },
  vessel: { hu: 40, label: 'rightLung' },
  nodule: { hu: 30, label: 'nodule' },
  effusion: { hu: 12, label: 'effusion' },
} as const satisfies Record<string, Tissue>

export type TissueName = keyof typeof tissues

/** What differs between patients. */
export interface Physique {
  /** Scale of the whole chest in the axial plane. */
  girth: number
  fatMm: number
  heartScale: number
  /** Raises (positive) or lowers the diaphragm. */
  diaphragmMm: number
  couch: boolean
}

export type LungLobe =
  | 'right upper lobe'
  | 'right middle lobe'
  | 'right lower lobe'
  | 'left upper lobe'
  | 'left lower lobe'

export const lungLobes: readonly LungLobe[] = [
  'right upper lobe',
  'right middle lobe',
  'right lower lobe',
  'left upper lobe',
  'left lower lobe',
]

/** Where the vessel trees of the lungs start. */
export const hila: Record<'right' | 'left', Triple> = { right: [34, -8, 8], left: [-36, -8, 14] }

/** Height of the diaphragm's domes and of the highest lung. */
export const lungTopMm = 132

const square = (value: number) => value * value

/** Exponent of the body's outline, between an ellipse (2) and a box; much faster than a general power. */
const power5Halves = (value: number) => value * value * Math.sqrt(value)

export function randomPhysique(random: RandomStream): Physique {
  return {
    girth: random.uniform(0.93, 1.07),
    fatMm: random.uniform(8, 22),
    heartScale: random.uniform(0.92, 1.06),
    diaphragmMm: random.uniform(-10, 10),
    couch: true,
  }
}

/** The lobe of a point inside a lung: fissures as planes, the oblique ones rising toward the back. */
export function lobeAt([x, y, z]: Readonly<Triple>): LungLobe {
  const belowObliqueFissure = z < 15 - 0.9 * y
  if (x < 0) return belowObliqueFissure ? 'left lower lobe' : 'left upper lobe'
  if (belowObliqueFissure) return 'right lower lobe'
  return z < 12 ? 'right middle lobe' : 'right upper lobe'
}

/** The tissue at a point (RAS mm). */
export function tissueAt(physique: Physique, xMm: number, yMm: number, z: number): TissueName {
  const x = xMm / physique.girth
  const y = yMm / physique.girth
  const outline = power5Halves(Math.abs(x) / 168) + power5Halves(Math.abs(y) / 114)
  if (outline > 1) return physique.couch ? couchAt(xMm, yMm + 114 * physique.girth) : 'air'
  if (outline > power5Halves(1 - physique.fatMm / 114)) return 'fat'
  return spineAt(x, y, z) ?? ribCageAt(x, y, z) ?? insideRibs(physique, x, y, z)
}

/** A shallow foam-filled trough below the back; `height` is counted from the lowest point of the skin. */
function couchAt(x: number, height: number): TissueName {
  const depth = -height - 4 + 12 * square(x / 210)
  if (Math.abs(x) > 210 || depth < 0 || depth > 42) return 'air'
  return depth < 3 || depth > 39 || Math.abs(x) > 206 ? 'couchShell' : 'couchFoam'
}

function spineAt(x: number, y: number, z: number): TissueName | undefined {
  const body = square(x / 18) + square((y + 54) / 15)
  const canal = Math.hypot(x, y + 76)
  // A vertebra and its disc every 25 mm.
  const level = (((z + 12.5) % 25) + 25) % 25
  if (body < 1 && canal > 8) {
    if (level > 19.5) return 'disc'
    return body > 0.8 || level < 1.5 || level > 18 ? 'corticalBone' : 'marrow'
  }
  if (canal <= 8) return 'spinalCanal'
  if (level > 19.5) return undefined
  if (canal < 13) return 'corticalBone'
  const spinousProcess = Math.abs(x) < 4 && y < -86 && y > -101
  const transverseProcess = Math.abs(y + 74) < 5 && Math.abs(x) < 34 && level < 12
  return spinousProcess || transverseProcess ? 'marrow' : undefined
}

/** How the chest narrows toward its top. */
function taper(z: number): number {
  return z <= 0 ? 1 : Math.sqrt(Math.max(0.12, 1 - square(z / 150)))
}

function ribCageAt(x: number, y: number, z: number): TissueName | undefined {
  if (Math.abs(x) < 17 && y > 82 && y < 93 && z > -70 && z < 105) return y > 84 && y < 91 ? 'marrow' : 'corticalBone'
  const width = taper(z)
  const shell = Math.sqrt(square(x / (137 * width)) + square((y - 2) / (91 * width)))
  if (shell < 1 || shell > 1.075) return undefined
  // Ribs slope down toward the front, and end in cartilage before the breastbone.
  const across = ((((z + 0.45 * y) % 24) + 24) % 24) - 5.5
  if (Math.abs(across) > 5.5 || (y > 45 && Math.abs(x) < 40) || (y < 0 && Math.abs(x) < 20)) return undefined
  return Math.abs(across) > 3.8 || shell < 1.018 || shell > 1.057 ? 'corticalBone' : 'marrow'
}

function insideRibs(physique: Physique, x: number, y: number, z: number): TissueName {
  const width = taper(z)
  const wall = Math.sqrt(square(x / (137 * width)) + square((y - 2) / (91 * width)))
  if (wall > 1) return 'muscle'
  const aorta = aortaDistance(x, y, z)
  if (aorta < 0) return 'aorta'
  const belowDiaphragm = diaphragmHeight(x, y) + physique.diaphragmMm - z
  if (belowDiaphragm > 0) return belowDiaphragm < 3 ? 'muscle' : abdomenAt(x, y, z, wall)
  const airway = airwayDistance(x, y, z)
  if (airway < 0) return 'airway'
  const heart = heartRadius(physique, x, y, z)
  if (heart < 1) return heart < 0.74 ? 'heartBlood' : 'heartMuscle'
  // The mediastinum is wide behind and narrow in front; everything in it keeps a rim of its own.
  const mediastinum = 25 - 14 * smoothStep(25, 70, y) + 6 * smoothStep(60, 110, z)
  const besideSpine = square(x / 23) + square((y + 54) / 20) > 1 && !(Math.abs(x) < 16 && y < -54)
  const outsideMediastinum = Math.abs(x) > mediastinum || (y < -36 && besideSpine)
  const apex = z < 20 ? 0 : square((Math.abs(x) - 55) / 78) + square(y / 88) + square((z - 20) / (lungTopMm - 20))
  const isLung = wall < 0.975 && apex < 1 && outsideMediastinum && aorta > 2 && airway > 1.5 && heart > 1.07
  if (isLung) return x > 0 ? 'rightLung' : 'leftLung'
  return wall < 0.975 && heart > 1.03 && aorta > 2 && airway > 1.5 && y > 20 ? 'fat' : 'muscle'
}

function smoothStep(from: number, to: number, value: number): number {
  const part = Math.min(Math.max((value - from) / (to - from), 0), 1)
  return part * part * (3 - 2 * part)
}

/** The two domes; the right one is higher. They fall off steeply to the sulci along the ribs. */
function diaphragmHeight(x: number, y: number): number {
  const right = -98 + 56 * (1 - square((x - 62) / 80) - square((y - 4) / 100))
  const left = -108 + 54 * (1 - square((x + 62) / 80) - square((y - 4) / 100))
  return Math.max(right, left, -125)
}

function abdomenAt(x: number, y: number, z: number, wall: number): TissueName {
  if (wall > 0.95) return 'muscle'
  const liver = square((x - 50) / 88) + square((y - 8) / 76) + square((z + 105) / 72)
  if (liver < 1) return 'liver'
  const spleen = square((x + 84) / 34) + square((y + 34) / 48) + square((z + 112) / 52)
  if (spleen < 1) return 'spleen'
  const stomach = square((x + 52) / 44) + square((y - 24) / 38) + square((z + 112) / 50)
  return stomach < 1 ? 'muscle' : 'fat'
}

/** Normalised radius of the heart, 1 on its surface: an ellipsoid whose long axis points left, forward and down. */
function heartRadius(physique: Physique, x: number, y: number, z: number): number {
  const [dx, dy, dz] = [x + 24, y - 24, z + 38]
  const along = -0.77 * dx + 0.52 * dy - 0.36 * dz
  const across = 0.56 * dx + 0.83 * dy
  const up = -0.3 * dx + 0.2 * dy + 0.93 * dz
  return Math.sqrt(square(along / 62) + square(across / 42) + square(up / 46)) / physique.heartScale
}

/** Distance to the surface of the thoracic aorta, negative inside: ascending part, arch, descending part. */
function aortaDistance(x: number, y: number, z: number): number {
  const [ascendingX, ascendingY, descendingX, descendingY, archZ] = [12, 20, -20, -34, 48]
  if (z < archZ) {
    const descending = Math.hypot(x - descendingX, y - descendingY) - 11.5
    return z < -8 ? descending : Math.min(descending, Math.hypot(x - ascendingX, y - ascendingY) - 15)
  }
  // A half circle in the vertical plane through both limbs.
  const [middleX, middleY] = [(ascendingX + descendingX) / 2, (ascendingY + descendingY) / 2]
  const radius = Math.hypot(ascendingX - descendingX, ascendingY - descendingY) / 2
  const [unitX, unitY] = [(ascendingX - middleX) / radius, (ascendingY - middleY) / radius]
  const along = (x - middleX) * unitX + (y - middleY) * unitY
  const aside = (x - middleX) * unitY - (y - middleY) * unitX
  const tube = 13 + (2 * along) / radius
  return Math.hypot(Math.hypot(along, z - archZ) - radius, aside) - tube
}

/** Distance to the air column of trachea and main bronchi, negative inside. */
function airwayDistance(x: number, y: number, z: number): number {
  const carina: Triple = [0, -14, 32]
  const trachea = z > carina[2] ? Math.hypot(x, y + 14 - 0.06 * (z - carina[2])) - 8.5 : Number.POSITIVE_INFINITY
  const right = capsuleDistance([x, y, z], carina, [46, -16, 0], 6.5, 4.5)
  const left = capsuleDistance([x, y, z], carina, [-50, -18, 2], 6, 4.2)
  return Math.min(trachea, right, left)
}

/** Distance to a cone-shaped stick from `from` to `to` with rounded ends, negative inside. */
export function capsuleDistance(
  point: Readonly<Triple>,
  from: Readonly<Triple>,
  to: Readonly<Triple>,
  fromRadius: number,
  toRadius: number,
): number {
  const [ax, ay, az] = [to[0] - from[0], to[1] - from[1], to[2] - from[2]]
  const [px, py, pz] = [point[0] - from[0], point[1] - from[1], point[2] - from[2]]
  const part = Math.min(Math.max((px * ax + py * ay + pz * az) / (ax * ax + ay * ay + az * az), 0), 1)
  const distance = Math.sqrt(square(px - part * ax) + square(py - part * ay) + square(pz - part * az))
  return distance - (fromRadius + part * (toRadius - fromRadius))
}
