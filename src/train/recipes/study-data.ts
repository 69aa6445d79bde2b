/** Studies to learn from: volumes with their reports, and for some the findings. */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import {
  ctRateFindings,
  DataError,
  type Dataset,
  imagesOf,
  type LoadedStudy,
  openCtRate,
  openTable,
  type PhantomFindingName,
  type PositiveSections,
  type PreprocessStep,
  phantomCase,
  phantomFindings,
  phantomPrompts,
  phantomSeeds,
  phantomVocabulary,
  readTokenizer,
  type Split,
  type Study,
  type StudyItem,
  type TaskModule,
  type Triple,
  WordPieceTokenizer,
} from '../../data/index.js'
import { ValueError } from '../../engine/index.js'
import type { HeldOutSplit } from '../task.js'
import type { ctRateDataSchema, PhantomData, tableDataSchema } from './data-options.js'
import { besideModule } from './modules.js'
import { phantomName } from './phantom-study-task.js'
import type { FindingPromptTexts } from './zero-shot.js'

/** A volume on the network's grid, C-ordered, with what is known of it. */
export type StudySample = Pick<LoadedStudy, 'study' | 'patient' | 'image' | 'shape' | 'report' | 'labels'>

/** What a loader needs for a split. */
export interface SampleSource<Item = unknown> {
  readonly items: readonly Item[]
  readonly task: TaskModule
  readonly nameOf: (item: Item, index: number) => string
}

export interface StudyData {
  readonly training: SampleSource
  heldOut(split: HeldOutSplit): SampleSource
  readonly tokenizer: WordPieceTokenizer
  /** Findings that samples have labels of; empty where they have none. */
  readonly findings: readonly FindingPromptTexts[]
  /** Positive sentences of the training studies, by study; throws where they are not known. */
  positives(): Promise<ReadonlyMap<string, StudyPositives>>
}

export interface StudyPositives {
  readonly patient: string
  readonly sections: PositiveSections
}

/** How phantoms are sampled for a network. */
export interface PhantomGrid {
  /** Voxels from right to left, anterior to posterior, inferior to superior. */
  readonly shape: Triple
  readonly steps: readonly PreprocessStep[]
}

/** Phantoms hold 384 x 288 x 384 mm. */
export const phantomExtentMm: Readonly<Triple> = [384, 288, 384]

/** Voxels of a phantom at some spacing. Throws a ValueError for spacings that leave less than 8 voxels on an axis. */
export function phantomShape(spacingMm: number): Triple {
  const shape = phantomExtentMm.map((mm) => Math.round(mm / spacingMm)) as Triple
  if (shape.some((size) => size < 8)) throw new ValueError(`phantoms of ${shape.join(' x ')} voxels show nothing`)
  return shape
}

/** Findings of phantoms with their prompts. */
export const phantomPromptTexts = (): FindingPromptTexts[] =>
  phantomFindings.map((finding: PhantomFindingName) => ({ finding, ...phantomPrompts(finding) }))

/** Where the samples of phantoms come from. */
export function phantomSource(options: PhantomData, split: Split, task: TaskModule): SampleSource<number> {
  return { items: phantomSeeds(split, options[split]), task, nameOf: phantomName }
}

/** Phantoms as studies with reports. */
export function phantomStudies(options: PhantomData, { shape, steps }: PhantomGrid): StudyData {
  const { difficulty, noise, folder } = options
  const data = { steps, options: { shape, difficulty, noise }, folder }
  const task = { module: besideModule('phantom-study-task'), data }
  const source = (split: Split): SampleSource => phantomSource(options, split, task) as SampleSource
  return {
    training: source('train'),
    heldOut: source,
    tokenizer: new WordPieceTokenizer(phantomVocabulary()),
    findings: phantomPromptTexts(),
    positives: async () =>
      new Map(
        phantomSeeds('train', options.train).map((seed) => {
          const { findings } = phantomCase(seed, { difficulty }).report.sentences
          const sections: Record<string, { readonly text: string; readonly opposite?: string }[]> = {}
          for (const { kind, anatomy, text, opposite } of findings) {
            if (kind !== 'positive' || anatomy === undefined) continue
            sections[anatomy] ??= []
            sections[anatomy].push({ text, ...(opposite !== undefined && { opposite }) })
          }
          return [phantomName(seed), { patient: phantomName(seed), sections }] as const
        }),
      ),
  }
}

/** One image of each study, as an item of the loader's study task. */
export function studyItems(studies: readonly Study[], every: boolean): StudyItem[] {
  const seen = new Set<string>()
  return Array.from(imagesOf(studies)).flatMap(({ study: { images: _, ...study }, image }) => {
    if (!every && seen.has(study.id)) return []
    seen.add(study.id)
    const { name, source, mask } = image
    return [{ study, name, source, ...(mask && { mask }) }]
  })
}

/** Studies with a report, of a split. Throws a DataError when there are none. */
export function studiesWithReport(dataset: Dataset, split: Split): Study[] {
  const studies = dataset.studies.filter((study) => study.split === split && study.report)
  if (studies.length > 0) return studies
  throw new DataError(`has no studies with reports in the split ${split}`, { path: dataset.folder })
}

const positivesSchema = z.record(z.string(), z.record(z.string(), z.array(z.string().min(1))))

interface StudiesOptions {
  readonly dataset: Dataset
  readonly steps: readonly PreprocessStep[]
  /** Paths, as the section `data` has them. */
  readonly vocabulary: string
  readonly positives?: string | undefined
  readonly findings: readonly string[]
  /** The split of the data set that stands for another. */
  readonly splitOf: (split: HeldOutSplit) => Split
}

/** Studies on disk: every image is trained on, the first of a study is evaluated. */
async function studiesOf(options: StudiesOptions): Promise<StudyData> {
  const { dataset, steps, vocabulary, positives, findings, splitOf } = options
  const task = { module: besideModule('../../data/loader/study-task'), data: { steps } }
  const source = (split: Split, every: boolean): SampleSource => {
    const items = studyItems(studiesWithReport(dataset, split), every)
    return { items, task, nameOf: (item) => (item as StudyItem).name }
  }
  // Without studies to evaluate, that should be said now and not behind the last step.
  studiesWithReport(dataset, splitOf('validation'))
  return {
    training: source('train', true),
    heldOut: (split) => source(splitOf(split), false),
    tokenizer: await readTokenizer(vocabulary),
    // The "short prompts" of the reference, colipri §4.
    findings: findings.map((finding) => ({ finding, present: [finding], absent: [`No ${finding}`] })),
    positives: () => readPositives(positives, dataset),
  }
}

/** CT-RATE, whose validation split is all that is held out. */
export async function ctRateStudies(
  { folder, vocabulary, positives }: z.output<typeof ctRateDataSchema>,
  steps: readonly PreprocessStep[],
): Promise<StudyData> {
  const dataset = await openCtRate(folder)
  return await studiesOf({
    ...{ dataset, steps, vocabulary, positives, findings: ctRateFindings },
    splitOf: () => 'validation',
  })
}

/** A list of images. What is wrong with it is an error: a run should not be of fewer studies than were listed. */
export async function tableStudies(
  { file, vocabulary, positives }: z.output<typeof tableDataSchema>,
  steps: readonly PreprocessStep[],
): Promise<StudyData> {
  const dataset = await openTable(file)
  const [problem] = dataset.problems
  if (problem) throw new DataError(`${problem.name} ${problem.message}`, { path: file })
  const findings = [...new Set(dataset.studies.flatMap(({ labels = {} }) => Object.keys(labels)))]
  return await studiesOf({ dataset, steps, vocabulary, positives, findings, splitOf: (split) => split })
}

async function readPositives(
  path: string | undefined,
  { folder, studies }: Dataset,
): Promise<Map<string, StudyPositives>> {
  if (path === undefined) {
    throw new DataError('says nothing of which sentences are positive, which opposite sentences need', {
      path: folder,
      remedy: 'Give data.positives, or set objective.opposites to 0',
    })
  }
  const parsed = positivesSchema.safeParse(JSON.parse(await readFile(path, 'utf8')))
  if (!parsed.success) throw new DataError(`holds no positive sentences: ${z.prettifyError(parsed.error)}`, { path })
  const sectionsOf = (sections: Readonly<Record<string, readonly string[]>>): PositiveSections =>
    Object.fromEntries(Object.entries(sections).map(([name, list]) => [name, list.map((text) => ({ text }))]))
  // Of the training studies only: what is held out must not be borrowed either.
  const training = studies.filter(({ split }) => split === 'train')
  return new Map(
    training.flatMap(({ id, patient }) => {
      const own = parsed.data[id]
      return own ? [[id, { patient, sections: sectionsOf(own) }] as const] : []
    }),
  )
}
