import type { Triple } from '../geometry.js'
import { RandomStream } from '../random.js'
import {
  aorta,
  diaphragmHeight,
  gallbladderCentreMm,
  heart,
  kidney,
  kidneyCentreMm,
  liver,
  lobeLabel,
  lungs,
} from './anatomy.js'
import { type Disease, healthy, type Lesion, type Plaque } from './disease.js'
import { findingFacts, type PhantomFindingName, type PhantomStudyFinding, phantomFindings } from './findings.js'
import { phantomOrgans } from './organs.js'
import type { Patient } from './patient.js'
import { randomBumps, randomDirection, type Solid } from './solids.js'
import { streams } from './streams.js'

/** What a finding would be in a patient, whether the patient has it or not. */
export interface FindingPlan {
  readonly finding: PhantomStudyFinding
  readonly change: Partial<Disease>
}

interface Context {
  readonly random: RandomStream
  readonly patient: Patient
  /** From 0 to 1, of which reports make mild, moderate and severe. */
  readonly extent: number
  /** Multiplies sizes. */
  readonly big: number
  /** Of the patient to the standard size: what reports tell is what the scan shows. */
  readonly patientScale: number
  /** Everything planned before, as if the patient had it. */
  readonly others: Disease
}

interface Drawn extends Omit<PhantomStudyFinding, 'name' | 'anatomy' | 'severity'> {
  readonly change: Partial<Disease>
}

const mix = (from: number, to: number, part: number): number => from + (to - from) * part

const times = <Value>(count: number, make: (n: number) => Value): Value[] =>
  Array.from({ length: count }, (_, n) => make(n))

const sides = ['right', 'left'] as const

const lobeNames: Readonly<Record<number, string>> = {
  [phantomOrgans.leftUpperLobe]: 'left upper lobe',
  [phantomOrgans.leftLowerLobe]: 'left lower lobe',
  [phantomOrgans.rightUpperLobe]: 'right upper lobe',
  [phantomOrgans.rightMiddleLobe]: 'right middle lobe',
  [phantomOrgans.rightLowerLobe]: 'right lower lobe',
}

/** Every location that a finding can name. */
export const findingPlaces: readonly string[] = [
  ...Object.values(lobeNames),
  ...sides,
  'bilateral',
  'ascending aorta',
  'descending aorta',
  'right lobe',
  'left lobe',
]

function lesion(random: RandomStream, centreMm: Triple, radiusMm: number, hu: number, bump = 0.12): Lesion {
  return { centreMm, radiusMm, hu, bumps: randomBumps(random, bump) }
}

const TRIES = 60

/** The first of some random points that is free enough, or the freest; `room` is negative where there is none. */
function findPlace(draw: () => Triple, room: (point: Triple) => number, wanted: number): Triple {
  let [best, bestRoom] = [draw(), Number.NEGATIVE_INFINITY]
  for (let n = 0; n < TRIES && bestRoom < wanted; n++) {
    const point = draw()
    const own = room(point)
    if (own > bestRoom) [best, bestRoom] = [point, own]
  }
  return best
}

const inBox =
  (random: RandomStream, { low, high }: Pick<Solid, 'low' | 'high'>) =>
  (): Triple => [random.uniform(low[0], high[0]), random.uniform(low[1], high[1]), random.uniform(low[2], high[2])]

const depthIn = (solid: Solid, [x, y, z]: Readonly<Triple>): number => -solid.distanceMm(x, y, z)

/** How far a point of the lungs is from what else may be there. */
function lungRoom(patient: Patient, others: Disease) {
  const [lung, wideHeart, vessel] = [
    lungs(patient),
    heart(patient, others, others.pericardialMm + 6),
    aorta(patient, others),
  ]
  return (point: Triple): number => Math.min(depthIn(lung, point), -depthIn(wideHeart, point), -depthIn(vessel, point))
}

/** One function per finding, in the order in which they make room for each other. */
const draws: Readonly<Record<PhantomFindingName, (context: Context) => Drawn>> = {
  Cardiomegaly: ({ extent, big }) => ({ change: { heartScale: 1 + mix(0.24, 0.42, extent) * big } }),

  'Pericardial effusion': ({ extent, big, patientScale }) => {
    const pericardialMm = mix(11, 20, extent) * big
    return { change: { pericardialMm }, sizeMm: Math.round(pericardialMm * patientScale) }
  },

  'Aortic aneurysm': ({ random, extent, big, patientScale }) => {
    const limb = random.choose(['ascending', 'descending'] as const)
    const radiusMm = (limb === 'ascending' ? mix(25, 32, extent) : mix(21, 29, extent)) * mix(1, big, 0.5)
    const heightMm = limb === 'ascending' ? random.uniform(10, 36) : random.uniform(-130, 20)
    return {
      change: { aneurysm: { limb, heightMm, radiusMm } },
      location: `${limb} aorta`,
      sizeMm: Math.round(2 * radiusMm * patientScale),
    }
  },

  'Hiatal hernia': ({ random, extent, big, patient }) => {
    const radiusMm = mix(19, 32, extent) * big
    const centre: Triple = [random.uniform(-14, 8), -22, 0]
    centre[2] = diaphragmHeight(patient, centre[0], centre[1]) + radiusMm * random.uniform(0.7, 1) + 4
    const hernia = { ...lesion(random, centre, radiusMm, 20), gasMm: random.uniform(-8, 8) }
    return { change: { hernia } }
  },

  'Coronary artery wall calcification': ({ random, extent, big }) => {
    const artery = random.choose([0, 1])
    const plaques = times(Math.round(mix(3, 7, extent)), () => {
      // Along the groove between the ventricles, or the one between left atrium and ventricle.
      const along = artery === 0 ? random.uniform(-0.2, 0.75) : random.uniform(-0.45, -0.15)
      const rim = Math.sqrt(1 - along * along) * 0.9
      const [v, w] = artery === 0 ? [0.75, 0.66] : [random.uniform(-0.9, 0.3), 0.44]
      return { place: [along, v * rim, w * rim], radiusMm: random.uniform(3.6, 5.2) * big } satisfies Plaque
    })
    return { change: { coronaryPlaques: plaques } }
  },

  'Arterial wall calcification': ({ random, extent, big }) => {
    const plaques = times(Math.round(mix(4, 9, extent)), () => {
      const z = random.uniform(-190, 40)
      const [dx, dy] = randomDirection(random)
      const length = Math.sqrt(dx * dx + dy * dy) + 1e-6
      return { place: [dx / length, dy / length, z], radiusMm: random.uniform(3.6, 5.4) * big } satisfies Plaque
    })
    return { change: { aorticPlaques: plaques } }
  },

  Consolidation: ({ random, extent, big, patient, others }) => {
    const radiusMm = mix(25, 42, extent) * big
    const room = lungRoom(patient, others)
    const centre = findPlace(inBox(random, { low: [-105, -65, -60], high: [105, 60, 90] }), room, radiusMm * 0.5)
    const lobe = lobeLabel(patient, ...centre)
    return {
      change: { consolidation: { ...lesion(random, centre, radiusMm, 30, 0.22), lobe } },
      location: lobeNames[lobe]!,
    }
  },

  Emphysema: ({ random, extent, big, patient }) => {
    const lung = lungs(patient)
    const place = inBox(random, { low: [-115, -70, -30], high: [115, 70, 125] })
    const bullae = times(Math.round(mix(14, 34, extent)), () => {
      const radiusMm = random.uniform(10, 17) * big
      return lesion(
        random,
        findPlace(place, (point) => depthIn(lung, point), 4),
        radiusMm,
        -985,
        0.2,
      )
    })
    return { change: { emphysema: bullae } }
  },

  'Pleural effusion': ({ random, extent, big }) => {
    const which = random.choose(['right', 'left', 'right', 'left', 'bilateral'] as const)
    const depth = () => mix(24, 58, extent) * big * random.uniform(0.85, 1.15)
    const effusion = sides
      .filter((side) => which === side || which === 'bilateral')
      .map((side) => ({ side, depthMm: depth() }))
    return { change: { effusion }, location: which }
  },

  'Lung nodule': ({ random, extent, big, patient, patientScale, others }) => {
    const radiusMm = (mix(9, 16, extent) * big) / patientScale
    const free = lungRoom(patient, others)
    const { consolidation } = others
    const room = (point: Triple): number => {
      const gap = consolidation
        ? Math.sqrt(point.reduce((sum, mm, axis) => sum + (mm - consolidation.centreMm[axis]!) ** 2, 0)) -
          consolidation.radiusMm * 1.3
        : radiusMm
      // Behind this, fluid may cover it.
      return Math.min(free(point), gap, point[1] + 30)
    }
    const place = inBox(random, { low: [-115, -30, -45], high: [115, 75, 105] })
    const centre = findPlace(place, room, radiusMm + 1)
    return {
      change: { nodule: lesion(random, centre, radiusMm, random.uniform(25, 60), 0.1) },
      location: lobeNames[lobeLabel(patient, ...centre)]!,
      sizeMm: Math.round(2 * radiusMm * patientScale),
    }
  },

  'Hepatic steatosis': ({ extent }) => ({ change: { steatosisHu: mix(68, 105, extent) } }),

  'Liver lesion': ({ random, extent, big, patient, patientScale }) => {
    const organ = liver(patient)
    const bright = random.uniform() < 0.5
    const lesions = times(random.choose([1, 1, 2, 3]), (n) => {
      const radiusMm = mix(13, 24, extent) * big * (n === 0 ? 1 : random.uniform(0.6, 0.9))
      const centre = findPlace(inBox(random, organ), (point) => depthIn(organ, point), radiusMm * 0.9)
      return { ...lesion(random, centre, radiusMm, 0), bright }
    })
    return {
      change: { liverLesions: lesions },
      location: lesions[0]!.centreMm[0] < 28 ? 'left lobe' : 'right lobe',
      count: lesions.length,
      sizeMm: Math.round(2 * lesions[0]!.radiusMm * patientScale),
    }
  },

  Splenomegaly: ({ extent, big }) => ({ change: { spleenScale: 1 + mix(0.45, 0.75, extent) * big } }),

  'Renal cyst': ({ random, extent, big, patient, patientScale }) => {
    const side = random.choose(sides)
    const radiusMm = mix(14, 25, extent) * big
    const [x, y, z] = kidneyCentreMm(patient, side)
    const outward = side === 'right' ? 1 : -1
    // On the outer rim, bulging out of it.
    const centre: Triple = [
      x + outward * random.uniform(12, 24),
      y + random.uniform(-4, 16),
      z + random.uniform(-38, 28),
    ]
    return {
      change: { renalCysts: [{ ...lesion(random, centre, radiusMm, random.uniform(2, 12), 0.06), side }] },
      location: side,
      sizeMm: Math.round(2 * radiusMm * patientScale),
    }
  },

  'Kidney stone': ({ random, extent, big, patient, patientScale }) => {
    const side = random.choose(sides)
    const organ = kidney(patient, side)
    const [x, y, z] = kidneyCentreMm(patient, side)
    const inward = side === 'right' ? -1 : 1
    const draw = (): Triple => [
      x + inward * random.uniform(-2, 14),
      y + random.uniform(-6, 6),
      z + random.uniform(-28, 28),
    ]
    const stones = times(extent > 0.6 ? 2 : 1, () =>
      Object.assign(
        lesion(
          random,
          findPlace(draw, (point) => depthIn(organ, point), 7),
          mix(5.5, 8.5, extent) * big,
          1150,
          0,
        ),
        { side },
      ),
    )
    return {
      change: { kidneyStones: stones },
      location: side,
      count: stones.length,
      sizeMm: Math.round(2 * stones[0]!.radiusMm * patientScale),
    }
  },

  Gallstone: ({ random, extent, big, patient }) => {
    const [x, y, z] = gallbladderCentreMm(patient)
    const stones = times(random.choose([1, 1, 2, 3]), () => {
      // Stones sink to the back of a patient who lies on it.
      const centre: Triple = [x + random.uniform(-7, 7), y - random.uniform(4, 9), z + random.uniform(-16, 16)]
      return lesion(random, centre, mix(5.5, 8.5, extent) * big, random.uniform(500, 1000), 0)
    })
    return { change: { gallstones: stones }, count: stones.length }
  },
}

/** Plans every finding of a patient, each from its own random sequence. */
export function planFindings(
  seed: number,
  patient: Patient,
  { difficulty, patientScale }: { readonly difficulty: number; readonly patientScale: number },
): ReadonlyMap<PhantomFindingName, FindingPlan & { readonly drawn: boolean }> {
  const plans = new Map<PhantomFindingName, FindingPlan & { readonly drawn: boolean }>()
  let others: Disease = healthy
  for (const name of Object.keys(draws) as PhantomFindingName[]) {
    const random = new RandomStream(seed, streams.findings + phantomFindings.indexOf(name))
    const { anatomy, prevalence } = findingFacts[name]
    const drawn = random.uniform() < prevalence
    const extent = random.uniform()
    const context = { random, patient, extent, big: 1.3 - 0.6 * difficulty, patientScale, others }
    const { change, ...facts } = draws[name](context)
    const severity = extent < 1 / 3 ? 'mild' : extent < 2 / 3 ? 'moderate' : 'severe'
    plans.set(name, { drawn, change, finding: { name, anatomy, severity, ...facts } })
    others = { ...others, ...change }
  }
  return plans
}
