import type { Triple } from '../geometry.js'
import { RandomStream } from '../random.js'
import { lungLobeLabels } from './organs.js'
import type { Painter } from './painter.js'
import type { Patient } from './patient.js'
import { ball, blob, type Solid, smoothStep, tube } from './solids.js'
import { streams } from './streams.js'

/** What looks like a finding and is none. */
export interface Distractors {
  readonly catheter: boolean
  readonly granuloma: Triple | undefined
  readonly boneIslands: readonly Triple[]
  readonly cartilage: readonly Triple[]
  readonly skinLeads: readonly Triple[]
  /** How dense the lowest lung is that a patient lies on. */
  readonly dependentHu: number
}

export function randomDistractors(seed: number): Distractors {
  const random = new RandomStream(seed, streams.distractors)
  const some = (probability: number, most: number, draw: () => Triple): Triple[] =>
    random.uniform() < probability ? Array.from({ length: 1 + Math.floor(random.uniform(0, most)) }, draw) : []
  const side = () => random.choose([-1, 1])
  return {
    catheter: random.uniform() < 0.35,
    granuloma:
      random.uniform() < 0.4
        ? [side() * random.uniform(45, 95), random.uniform(-55, 50), random.uniform(-20, 90)]
        : undefined,
    boneIslands: some(0.4, 3, () => [random.uniform(-9, 9), random.uniform(-60, -48), random.uniform(-240, 120)]),
    cartilage: some(0.45, 5, () => [side() * random.uniform(24, 75), random.uniform(74, 88), random.uniform(-100, 60)]),
    skinLeads: some(0.4, 4, () => [random.uniform(-90, 90), random.uniform(98, 120), random.uniform(-60, 100)]),
    dependentHu: random.uniform() < 0.5 ? random.uniform(80, 380) : 0,
  }
}

/** Into lungs that have no finding yet. */
export function paintLungDistractors(
  painter: Painter,
  lungs: Solid,
  { granuloma, dependentHu }: Distractors,
  { lungHu }: Patient,
): void {
  if (dependentHu > 0) {
    painter.paint(
      { ...lungs, high: [lungs.high[0], -50, lungs.high[2]], distanceMm: (_x, y) => y + 62 },
      { hu: (_x, y) => lungHu + 60 + dependentHu * smoothStep(-62, -86, y), within: lungLobeLabels },
    )
  }
  if (granuloma) painter.paint(ball(granuloma, 4), { hu: 900, within: lungLobeLabels })
}

/** Around the organs, and never in them. */
export function paintDistractors(painter: Painter, distractors: Distractors, { fatMm }: Patient): void {
  const beside = { within: [0] }
  for (const centre of distractors.boneIslands) painter.paint(ball(centre, 5), { hu: 950 })
  for (const centre of distractors.cartilage) painter.paint(blob(centre, [7, 5, 5]), { hu: 650, ...beside })
  for (const [x, y, z] of distractors.skinLeads)
    painter.paint(blob([x, y + fatMm * 0.6, z], [5, 3, 5]), { hu: 1500, ...beside })
  if (distractors.catheter) {
    // Through the superior vena cava.
    const course: Triple[] = [
      [60, 60, 90],
      [52, 40, 118],
      [26, 8, 96],
      [22, 4, 20],
    ]
    for (const part of tube(course, 2)) painter.paint(part, { hu: 2200, ...beside })
  }
}
