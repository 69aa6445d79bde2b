import type { Triple } from '../geometry.js'
import { RandomStream } from '../random.js'
import { type Bumps, randomBumps } from './solids.js'
import { streams } from './streams.js'

/** When the scan was made after contrast medium. */
export type ContrastPhase = 'native' | 'arterial' | 'portal'

/** HU of what contrast medium changes. */
interface PhaseHu {
  readonly blood: number
  readonly heartMuscle: number
  readonly liver: number
  readonly spleen: number
  readonly kidney: number
  readonly pancreas: number
}

const phases: Readonly<Record<ContrastPhase, PhaseHu>> = {
  native: { blood: 42, heartMuscle: 46, liver: 60, spleen: 50, kidney: 34, pancreas: 40 },
  arterial: { blood: 300, heartMuscle: 105, liver: 75, spleen: 125, kidney: 150, pancreas: 100 },
  portal: { blood: 155, heartMuscle: 100, liver: 112, spleen: 122, kidney: 185, pancreas: 92 },
}

/** A normal patient: everything that differs between people and is no finding. */
export interface Patient {
  readonly phase: ContrastPhase
  readonly hu: PhaseHu
  readonly lungHu: number
  /** How much denser the lung gets toward the back, in HU per mm. */
  readonly lungGradient: number
  readonly fatMm: number
  readonly muscleMm: number
  readonly diaphragmMm: number
  readonly mediastinumMm: number
  readonly fissures: { readonly height: number; readonly slope: number; readonly minor: number }
  readonly couch: { readonly present: boolean; readonly gapMm: number }
  /** Of each organ to its standard size, and where its centre is moved to. */
  readonly heart: OrganShape
  readonly liver: OrganShape
  readonly spleen: OrganShape
  readonly stomach: OrganShape
  readonly rightKidney: OrganShape
  readonly leftKidney: OrganShape
  readonly gallbladder: OrganShape
  readonly pancreas: OrganShape
  readonly aortaScale: number
  readonly bowel: readonly BowelLoop[]
  readonly stomachGasMm: number
  readonly oralContrast: boolean
}

export interface OrganShape {
  readonly scale: number
  readonly moveMm: Triple
  readonly bumps: Bumps
}

export interface BowelLoop {
  readonly centreMm: Triple
  readonly radiusMm: number
  readonly content: 'gas' | 'fluid' | 'stool'
  readonly colon: boolean
}

function randomShape(random: RandomStream, scale: readonly [number, number], moveMm: number, bump = 0.13): OrganShape {
  const draw = () => random.uniform(-moveMm, moveMm)
  return { scale: random.uniform(...scale), moveMm: [draw(), draw(), draw()], bumps: randomBumps(random, bump) }
}

/** Draws a normal patient. */
export function randomPatient(seed: number): Patient {
  const random = new RandomStream(seed, streams.anatomy)
  const phase = random.choose(['native', 'native', 'arterial', 'portal', 'portal'] as const)
  const vary = (hu: number): number => hu * random.uniform(0.88, 1.12)
  const standard = phases[phase]
  const hu: PhaseHu = {
    blood: vary(standard.blood),
    heartMuscle: vary(standard.heartMuscle),
    liver: vary(standard.liver),
    spleen: vary(standard.spleen),
    kidney: vary(standard.kidney),
    pancreas: vary(standard.pancreas),
  }
  return {
    phase,
    hu,
    lungHu: random.uniform(-890, -760),
    lungGradient: random.uniform(0.15, 0.8),
    fatMm: random.uniform(5, 34),
    muscleMm: random.uniform(6, 16),
    diaphragmMm: random.uniform(-14, 12),
    mediastinumMm: random.uniform(-3, 7),
    fissures: { height: random.uniform(6, 24), slope: random.uniform(0.75, 1.05), minor: random.uniform(4, 20) },
    couch: { present: random.uniform() < 0.8, gapMm: random.uniform(2, 14) },
    heart: randomShape(random, [0.86, 1], 6, 0.08),
    liver: randomShape(random, [0.88, 1.1], 8),
    spleen: randomShape(random, [0.68, 0.86], 6, 0.1),
    stomach: randomShape(random, [0.75, 1.15], 9, 0.2),
    rightKidney: randomShape(random, [0.9, 1.12], 7, 0.1),
    leftKidney: randomShape(random, [0.9, 1.12], 7, 0.1),
    gallbladder: randomShape(random, [0.85, 1.2], 7, 0.1),
    pancreas: randomShape(random, [0.85, 1.15], 6),
    aortaScale: random.uniform(0.88, 1.08),
    bowel: Array.from({ length: 16 }, (_, n) => randomLoop(random, n < 7)),
    stomachGasMm: random.uniform(-12, 34),
    oralContrast: random.uniform() < 0.3,
  }
}

/** The colon runs along the sides and below the stomach, the small bowel fills what is between. */
function randomLoop(random: RandomStream, colon: boolean): BowelLoop {
  const side = random.choose([-1, 1])
  const x = colon ? side * random.uniform(40, 100) : random.uniform(-65, 65)
  const centreMm: Triple = [x, random.uniform(-5, 62), random.uniform(-250, -178)]
  const content = random.choose(colon ? (['gas', 'stool', 'stool'] as const) : (['gas', 'fluid', 'fluid'] as const))
  return { centreMm, radiusMm: random.uniform(13, colon ? 25 : 19), content, colon }
}
