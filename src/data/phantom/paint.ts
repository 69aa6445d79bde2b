import type { Triple } from '../geometry.js'
import { RandomStream } from '../random.js'
import {
  aorta,
  gallbladder,
  heart,
  highestVertebraTopMm,
  kidney,
  liver,
  lobeLabel,
  lungs,
  ribNumber,
  ribs,
  spine,
  spleen,
  sternum,
  stomach,
  torso,
  vertebraHeightMm,
  vertebralLevel,
  wallRadius,
} from './anatomy.js'
import { growVessels } from './chest-vessels.js'
import type { Disease } from './disease.js'
import { type Distractors, paintDistractors, paintLungDistractors } from './distractors.js'
import { paintAirways, paintGullet } from './hollow.js'
import { paintBodyLesions, paintLungLesions } from './lesions.js'
import { lungLobeLabels, phantomOrgans, vertebraLabel } from './organs.js'
import type { Painter } from './painter.js'
import type { BowelLoop, Patient } from './patient.js'
import { ball, type Solid, stick, tube, wave } from './solids.js'
import { streams } from './streams.js'

const airHu = -1000
const fatHu = -100

/** Puts the whole patient into an empty volume, from the outside in. */
export function paintPatient(
  painter: Painter,
  seed: number,
  {
    patient,
    disease,
    distractors,
  }: { readonly patient: Patient; readonly disease: Disease; readonly distractors: Distractors },
): void {
  painter.hu.fill(airHu)
  paintBody(painter, patient)
  paintLungs(painter, seed, patient)
  paintLungDistractors(painter, lungs(patient), distractors, patient)
  paintAirways(painter)
  paintLungLesions(painter, patient, disease)
  paintBelly(painter, patient, disease)
  paintBones(painter)
  paintGullet(painter, patient, disease)
  paintHeart(painter, patient, disease)
  paintBodyLesions(painter, patient, disease)
  paintDistractors(painter, distractors, patient)
}

/** Fat below the skin, muscle, ribs' inner side, and what fills the trunk between organs, in one pass. */
function paintBody(painter: Painter, { fatMm, muscleMm, couch }: Patient): void {
  if (couch.present) paintCouch(painter, -106 - fatMm - couch.gapMm)
  const skin = torso(fatMm)
  const muscle = torso(0)
  const rampMm = painter.voxelMm
  painter.paint(skin, {
    hu: (x, y, z) => {
      const muscleDepth = -muscle.distanceMm(x, y, z) / rampMm + 0.5
      const fat = fatHu + 8 * wave(x / 60 + y / 45 + z / 70)
      if (muscleDepth <= 0) return fat
      const cavityDepth = (1 - wallRadius(x, y, z > 0 ? z : 0)) * 88 - muscleMm * 0.5
      // Above the diaphragm the cavity is what lies between the lungs.
      const inner = cavityDepth <= 0 ? 52 : z < -60 ? -92 : y > 20 ? -70 : 15
      return muscleDepth < 1 ? fat + (inner - fat) * muscleDepth : inner
    },
  })
}

/** A shallow trough of foam below the back. */
function paintCouch(painter: Painter, topMm: number): void {
  const height = (x: number) => topMm - 3 + 12 * (x / 200) ** 2
  const slab = (thickness: number, above: number): Solid => ({
    low: [-215, topMm - 50, -1000],
    high: [215, topMm + 12, 1000],
    distanceMm: (x, y) => Math.max(Math.abs(y - height(x) + above) - thickness, Math.abs(x) - 205),
  })
  painter.paint(slab(20, 20), { hu: -180 })
  painter.paint(slab(16, 20), { hu: -930 })
}

/** Vessels as wide as these are seen in every lung; those of one in three are wider, which is no finding. */
function paintLungs(painter: Painter, seed: number, patient: Patient): void {
  const { lungHu, lungGradient, hu } = patient
  painter.paint(lungs(patient), {
    hu: (_x, y) => lungHu - lungGradient * y,
    label: (x, y, z) => lobeLabel(patient, x, y, z),
  })
  const random = new RandomStream(seed, streams.vessels)
  const wide = random.uniform() < 1 / 3 ? random.uniform(1.3, 1.7) : random.uniform(0.8, 1.15)
  for (const { from, to, fromRadiusMm, toRadiusMm } of growVessels(random, 5)) {
    painter.paint(stick(from, to, fromRadiusMm * wide, toRadiusMm * wide), {
      hu: hu.blood,
      // Vessels stay lung in the mask, as lung masks are drawn in practice.
      within: lungLobeLabels,
      // On coarse grids the thinnest would be most of the work, and are lost in noise.
      leastVisiblePart: 0.12,
    })
  }
}

function paintBelly(painter: Painter, patient: Patient, disease: Disease): void {
  const { hu, stomachGasMm, oralContrast, pancreas } = patient
  for (const loop of patient.bowel) paintLoop(painter, loop, oralContrast)
  const meal = oralContrast ? 260 : 25
  painter.paint(stomach(patient), { hu: 55, label: phantomOrgans.stomach })
  const inside = stomach(patient)
  painter.paint(
    { ...inside, distanceMm: (x, y, z) => inside.distanceMm(x, y, z) + 4 },
    { hu: (_x, y) => (y > 28 + stomachGasMm ? -960 : meal), within: [phantomOrgans.stomach] },
  )
  painter.paint(spleen(patient, disease), { hu: hu.spleen, label: phantomOrgans.spleen })
  painter.paint(liver(patient), { hu: hu.liver - disease.steatosisHu, label: phantomOrgans.liver })
  const portal = tube(
    [
      [4, 2, -165],
      [22, 8, -140],
      [44, 4, -124],
    ],
    7,
  )
  for (const part of portal) painter.paint(part, { hu: hu.blood, label: phantomOrgans.portalVein })
  const [px, py, pz] = pancreas.moveMm
  const gland: Triple[] = [
    [30 + px, 14 + py, -172 + pz],
    [2 + px, 18 + py, -162 + pz],
    [-46 + px, -12 + py, -148 + pz],
  ]
  for (const part of tube(gland, 12 * pancreas.scale)) {
    painter.paint(part, { hu: hu.pancreas, label: phantomOrgans.pancreas })
  }
  painter.paint(gallbladder(patient), { hu: 10, label: phantomOrgans.gallbladder })
  for (const [side, label] of [
    ['right', phantomOrgans.rightKidney],
    ['left', phantomOrgans.leftKidney],
  ] as const) {
    painter.paint(kidney(patient, side), { hu: hu.kidney, label })
  }
  painter.paint(stick([16, -22, -300], [14, -8, -60], 11, 11), {
    hu: hu.blood * 0.9,
    label: phantomOrgans.inferiorVenaCava,
  })
}

function paintLoop(painter: Painter, { centreMm, radiusMm, content, colon }: BowelLoop, oralContrast: boolean): void {
  const label = colon ? phantomOrgans.colon : phantomOrgans.smallBowel
  painter.paint(ball(centreMm, radiusMm), { hu: 45, label })
  const fluid = oralContrast ? 240 : 20
  const hu = { gas: -930, fluid, stool: -120 }[content]
  painter.paint(ball(centreMm, radiusMm - 4), { hu, within: [label] })
}

function paintBones(painter: Painter): void {
  painter.paint(spine, {
    hu: (_x, y, z) => (isDisc(z) && y > -70 ? 85 : 290),
    label: (_x, _y, z) => vertebraLabel(vertebralLevel(z)),
  })
  painter.paint(stick([0, -76, -1000], [0, -76, 1000], 7, 7), { hu: 28, label: phantomOrgans.spinalCord })
  painter.paint(ribs, { hu: 380, label: ribNumber })
  painter.paint(sternum, { hu: 230, label: phantomOrgans.sternum })
}

function isDisc(z: number): boolean {
  const level = (highestVertebraTopMm - z) / vertebraHeightMm
  return level - Math.floor(level) > 0.78
}

function paintHeart(painter: Painter, patient: Patient, disease: Disease): void {
  const { hu, heart: shape } = patient
  if (disease.pericardialMm > 0) {
    painter.paint(heart(patient, disease, disease.pericardialMm), { hu: 6, label: phantomOrgans.heart })
  }
  painter.paint(heart(patient, disease), { hu: hu.heartMuscle, label: phantomOrgans.heart })
  painter.paint(heart(patient, disease, -9), { hu: hu.blood, within: [phantomOrgans.heart] })
  const appendage: Triple = [-42 + shape.moveMm[0], 14 + shape.moveMm[1], 6 + shape.moveMm[2]]
  painter.paint(ball(appendage, 11), { hu: hu.blood, label: phantomOrgans.atrialAppendage })
  painter.paint(aorta(patient, disease), { hu: hu.blood, label: phantomOrgans.aorta })
}
