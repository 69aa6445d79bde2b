import { aortaRadius, descendingAorta, heartPoint, lungs } from './anatomy.js'
import type { Disease, Lesion } from './disease.js'
import { lungLobeLabels, phantomOrgans } from './organs.js'
import type { Painter } from './painter.js'
import type { Patient } from './patient.js'
import { ball, blob, type Solid, wave } from './solids.js'

const solidOf = ({ centreMm, radiusMm, bumps }: Lesion): Solid => blob(centreMm, [radiusMm, radiusMm, radiusMm], bumps)

const kidneyLabels = { right: phantomOrgans.rightKidney, left: phantomOrgans.leftKidney }

/** The lowest point of the pleura behind the lungs, from which fluid rises in a patient who lies on the back. */
const pleuraBackMm = -86

/** What fills or empties the lungs. The mask stays lung. */
export function paintLungLesions(painter: Painter, patient: Patient, disease: Disease): void {
  for (const bulla of disease.emphysema ?? []) painter.paint(solidOf(bulla), { hu: bulla.hu, within: lungLobeLabels })
  const { consolidation, nodule } = disease
  if (consolidation) {
    const { lobe, hu } = consolidation
    // Bronchi that still hold air run through it.
    const filled = (x: number, y: number, z: number) => (wave(x / 19) + wave(y / 23) + wave(z / 21) > 1.5 ? -450 : hu)
    painter.paint(solidOf(consolidation), { hu: filled, within: [lobe] })
  }
  if (nodule) painter.paint(solidOf(nodule), { hu: nodule.hu, within: lungLobeLabels })
  const cavity = lungs(patient)
  for (const { side, depthMm } of disease.effusion ?? []) {
    const sign = side === 'right' ? -1 : 1
    const fluid: Solid = {
      ...cavity,
      distanceMm: (x, y, z) => {
        // Deepest at the base, thinning out toward the top.
        const level = pleuraBackMm + depthMm * Math.min(1, 1 - (z + 60) / 190)
        return Math.max(y - level, sign * x)
      },
    }
    painter.paint(fluid, { hu: 8, within: lungLobeLabels })
  }
}

/** What lies in the other organs, painted when these are there. */
export function paintBodyLesions(painter: Painter, patient: Patient, disease: Disease): void {
  for (const { place, radiusMm } of disease.coronaryPlaques ?? []) {
    painter.paint(ball(heartPoint(patient, disease, place), radiusMm), { hu: 1000, within: [phantomOrgans.heart] })
  }
  for (const { place, radiusMm } of disease.aorticPlaques ?? []) {
    const [x, y] = descendingAorta(place[2])
    const rim = aortaRadius(patient, disease, 'descending', place[2]) - 3
    const plaque = blob([x + place[0] * rim, y + place[1] * rim, place[2]], [radiusMm, radiusMm, radiusMm * 1.6])
    painter.paint(plaque, { hu: 950, within: [phantomOrgans.aorta] })
  }
  for (const lesion of disease.liverLesions ?? []) {
    const around = patient.hu.liver - disease.steatosisHu
    painter.paint(solidOf(lesion), { hu: around + (lesion.bright ? 95 : -85), within: [phantomOrgans.liver] })
  }
  for (const cyst of disease.renalCysts ?? []) paintCyst(painter, cyst)
  for (const stone of disease.kidneyStones ?? []) {
    painter.paint(solidOf(stone), { hu: stone.hu, within: [kidneyLabels[stone.side]] })
  }
  for (const stone of disease.gallstones ?? []) {
    painter.paint(solidOf(stone), { hu: stone.hu, within: [phantomOrgans.gallbladder] })
  }
}

/** A cyst bulges out of its kidney into the fat, and counts as kidney; it leaves other organs alone. */
function paintCyst(painter: Painter, cyst: Lesion & { readonly side: 'right' | 'left' }): void {
  const label = kidneyLabels[cyst.side]
  painter.paint(solidOf(cyst), { hu: cyst.hu, label, within: [0, label] })
}
