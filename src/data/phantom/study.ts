import { DataError } from '../errors.js'
import type { AnatomyCaption } from '../fvlm/captions.js'
import { affineFromColumns, type Triple } from '../geometry.js'
import { countVoxels, fortranOrderStrides, type Volume, validateVolume } from '../volume.js'
import { type Disease, healthy } from './disease.js'
import { randomDistractors } from './distractors.js'
import { type PhantomFindingName, type PhantomStudyFinding, phantomFindings } from './findings.js'
import { type Pose, patientCoordinates, randomPose } from './frame.js'
import type { PhantomAnatomy } from './organs.js'
import { paintPatient } from './paint.js'
import { Painter } from './painter.js'
import { type ContrastPhase, type Patient, randomPatient } from './patient.js'
import { planFindings } from './plan.js'
import {
  decomposeReport,
  type PhantomDecomposition,
  type PhantomReport,
  phantomCaptions,
  writeReport,
} from './report.js'
import { randomScanner, scan } from './scanner.js'

export interface PhantomCaseOptions {
  /** 0 makes findings large, 1 small. Default 0.3. */
  readonly difficulty?: number
  /** Findings that the patient has or has not, whatever the seed says. All others stay as they are. */
  readonly present?: Readonly<Partial<Record<PhantomFindingName, boolean>>>
}

export interface PhantomStudyOptions extends PhantomCaseOptions {
  /** Voxels from right to left, anterior to posterior, inferior to superior. Default 96 x 72 x 96. */
  readonly shape?: Readonly<Triple>
  /** Default: what makes the volume 384 x 288 x 384 mm, which holds chest and upper abdomen. */
  readonly spacingMm?: Readonly<Triple>
  /** Multiplies noise, shading and streaks. Default 1; 0 gives the patient without a scanner's faults. */
  readonly noise?: number
}

/** A patient as the report tells of one, without any voxels. */
export interface PhantomCase {
  readonly seed: number
  readonly phase: ContrastPhase
  /** Whether a central venous catheter is in place, which is no finding. */
  readonly catheter: boolean
  readonly findings: readonly PhantomStudyFinding[]
  /** 1 or 0 for every finding there is. */
  readonly labels: Readonly<Record<PhantomFindingName, 0 | 1>>
  readonly report: PhantomReport
  /** The report by section and anatomy, as fVLM takes it apart. */
  readonly decomposition: PhantomDecomposition
  /** fVLM's captions: abnormal exactly where the anatomy has a finding. */
  readonly captions: Readonly<Record<PhantomAnatomy, AnatomyCaption>>
}

export interface PhantomStudy extends PhantomCase {
  /** HU in int16; array axes toward left, posterior, superior (LPS), as CT-RATE has them. */
  readonly volume: Volume
  /** uint8 on the same grid with the numbers of `phantomOrgans`, of vertebrae (27 to 43) and of ribs (92 to 115). */
  readonly masks: Volume
}

const extentMm: Readonly<Triple> = [384, 288, 384]

/** Where the middle of the grid lies, from between the hila. */
const gridCentreMm: Readonly<Triple> = [0, 0, -45]

/** The grid that options ask for. Throws a DataError for one that cannot be. */
export function phantomGrid({ shape = [96, 72, 96], spacingMm }: Pick<PhantomStudyOptions, 'shape' | 'spacingMm'>): {
  readonly shape: Readonly<Triple>
  readonly spacingMm: Readonly<Triple>
} {
  const spacing = spacingMm ?? (extentMm.map((mm, axis) => mm / shape[axis]!) as Triple)
  if (shape.some((size) => !(Number.isSafeInteger(size) && size > 0)) || spacing.some((mm) => !(mm > 0 && mm < 1e3))) {
    throw new DataError(`a grid of ${shape.join(' x ')} voxels of ${spacing.join(' x ')} mm is not possible`)
  }
  return { shape, spacingMm: spacing }
}

interface Drawn {
  readonly pose: Pose
  readonly patient: Patient
  readonly disease: Disease
  readonly findings: readonly PhantomStudyFinding[]
}

function draw(seed: number, { difficulty = 0.3, present = {} }: PhantomCaseOptions): Drawn {
  if (!(difficulty >= 0 && difficulty <= 1)) throw new DataError(`a difficulty of ${difficulty} is not from 0 to 1`)
  for (const name of Object.keys(present)) {
    if (phantomFindings.includes(name as PhantomFindingName)) continue
    throw new DataError(`phantoms know no finding '${name}'`, { remedy: `They know ${phantomFindings.join(', ')}` })
  }
  const pose = randomPose(seed)
  const patient = randomPatient(seed)
  const patientScale = (pose.scale[0] + pose.scale[1] + pose.scale[2]) / 3
  const plans = planFindings(seed, patient, { difficulty, patientScale })
  const here = phantomFindings.flatMap((name) => {
    const { drawn, ...plan } = plans.get(name)!
    return (present[name] ?? drawn) ? [plan] : []
  })
  const disease = Object.assign({}, healthy, ...here.map(({ change }) => change)) as Disease
  return { pose, patient, disease, findings: here.map(({ finding }) => finding) }
}

function caseOf(seed: number, { patient, findings }: Drawn): PhantomCase {
  const names = new Set(findings.map(({ name }) => name))
  const labels = Object.fromEntries(phantomFindings.map((name) => [name, names.has(name) ? 1 : 0]))
  const { phase } = patient
  const { catheter } = randomDistractors(seed)
  const report = writeReport(seed, findings, { phase, catheter })
  return {
    ...{ seed, phase, catheter, findings, labels: labels as PhantomCase['labels'], report },
    decomposition: decomposeReport(report),
    captions: phantomCaptions(report),
  }
}

/**
 * What {@link phantomStudy} would show for a seed, without making the volume: labels and report in well under a
 * millisecond. Throws a DataError for a seed that is not a whole number from 0 to 2^53 - 1 and for wrong options.
 */
export function phantomCase(seed: number, options: PhantomCaseOptions = {}): PhantomCase {
  return caseOf(seed, draw(seed, options))
}

/**
 * A synthetic CT of chest and upper abdomen with its mask, findings, labels and report. Everything is drawn from the
 * seed: body and pose, organs, contrast phase, scanner, what only looks like disease, and each of the findings by itself
 * with its own prevalence (`findingFacts`). The same on every machine. The grid changes nothing but the sampling
 * and the noise. Anatomically rough: a test of methods, not a picture of a person.
 *
 * Throws a DataError for a seed that is not a whole number from 0 to 2^53 - 1 and for options that cannot be met.
 */
export function phantomStudy(seed: number, options: PhantomStudyOptions = {}): PhantomStudy {
  const { noise = 1 } = options
  const { shape, spacingMm: spacing } = phantomGrid(options)
  if (!(noise >= 0 && Number.isFinite(noise))) throw new DataError(`noise of ${noise} is not possible`)
  const drawn = draw(seed, options)
  const axesMm = ([0, 1, 2] as const).map((axis) => {
    const step = axis === 2 ? spacing[axis] : -spacing[axis]
    return Array.from({ length: shape[axis] }, (_, n) => gridCentreMm[axis] + (n - (shape[axis] - 1) / 2) * step)
  }) as [number[], number[], number[]]
  const affine = affineFromColumns(
    [
      [-spacing[0], 0, 0],
      [0, -spacing[1], 0],
      [0, 0, spacing[2]],
    ],
    [axesMm[0][0] ?? 0, axesMm[1][0] ?? 0, axesMm[2][0] ?? 0],
  )
  const masks: Volume = {
    data: new Uint8Array(countVoxels(shape)),
    shape: [...shape],
    strides: fortranOrderStrides(shape),
    offset: 0,
    affine,
  }
  validateVolume(masks)
  const voxelMm = (spacing[0] + spacing[1] + spacing[2]) / 3
  const scanner = randomScanner(seed)
  const { pose, patient, disease } = drawn
  const painter = new Painter(pose, patientCoordinates(pose, axesMm), axesMm, voxelMm, scanner.softness)
  paintPatient(painter, seed, { patient, disease, distractors: randomDistractors(seed) })
  const data = scan(painter.hu, { shape, voxelMm, seed, scanner, noise })
  return { ...caseOf(seed, drawn), volume: { ...masks, data }, masks: { ...masks, data: painter.labels } }
}
