/** Scans with masks of their anatomies and a caption of each, as fVLM learns from. */
import { join } from 'node:path'
import type { z } from 'zod'
import {
  composeCaptions,
  DataError,
  type FvlmPreprocessing,
  groupedLabels,
  type ImageSource,
  type LabelMapping,
  openCtRate,
  type PreparedFvlmScan,
  parseDecomposition,
  phantomVocabulary,
  readTextFile,
  readTokenizer,
  type Split,
  type TaskModule,
  totalSegmentatorLabels,
  WordPieceTokenizer,
} from '../../data/index.js'
import type { FvlmConfig } from '../../models/index.js'
import type { HeldOutSplit } from '../task.js'
import type { organDataSchema, PhantomData } from './data-options.js'
import { besideModule } from './modules.js'
import { phantomShape, phantomSource, type SampleSource, studiesWithReport } from './study-data.js'

/** A scan on the model's grid; for training a crop of it. */
export interface OrganSample extends PreparedFvlmScan {
  readonly study: string
  /** By anatomy, raw: the template is still in them. */
  readonly captions: Readonly<Record<string, string>>
  readonly findings?: Readonly<Record<string, number>> | undefined
}

/** What a worker has to know of a scan that is read from files. */
export interface OrganItem {
  readonly study: string
  readonly source: ImageSource
  readonly mask: ImageSource
  readonly captions: Readonly<Record<string, string>>
  readonly findings?: Readonly<Record<string, number>> | undefined
}

/** What every worker is told. */
export interface OrganTaskData {
  readonly anatomies: readonly string[]
  readonly mapping: LabelMapping
  readonly preprocessing: FvlmPreprocessing
  /** Extents of a random crop, with flips; undefined for whole scans. */
  readonly crop: readonly [number, number, number] | undefined
  readonly flipProbability: number
}

export interface OrganData {
  readonly training: SampleSource
  heldOut(split: HeldOutSplit): SampleSource
  readonly tokenizer: WordPieceTokenizer
}

export interface OrganGrid {
  readonly config: FvlmConfig
  readonly preprocessing: FvlmPreprocessing
  readonly flipProbability: number
}

function taskDataOf({ config, preprocessing, flipProbability }: OrganGrid, training: boolean): OrganTaskData {
  const { patch, trainingGrid } = config.vision
  const { anatomies } = config
  return {
    ...{ anatomies, preprocessing, flipProbability, mapping: { ...groupedLabels(2), ...totalSegmentatorLabels } },
    crop: training ? ([0, 1, 2].map((a) => patch[a]! * trainingGrid[a]!) as [number, number, number]) : undefined,
  }
}

/** Phantoms with their masks, sampled at the spacing of the preprocessing. */
export function phantomOrgans(options: PhantomData, grid: OrganGrid): OrganData {
  const { difficulty, noise, folder } = options
  const study = { difficulty, noise, shape: phantomShape(Math.min(...grid.preprocessing.spacingMm)) }
  const source = (split: Split): SampleSource => {
    const data = { ...taskDataOf(grid, split === 'train'), options: study, folder }
    const task: TaskModule = { module: besideModule('phantom-organ-task'), data }
    return phantomSource(options, split, task) as SampleSource
  }
  return { training: source('train'), heldOut: source, tokenizer: new WordPieceTokenizer(phantomVocabulary()) }
}

/** CT-RATE scans that have a mask, with captions from the decomposed reports. Throws a DataError where there are none. */
export async function ctRateOrgans(options: z.output<typeof organDataSchema>, grid: OrganGrid): Promise<OrganData> {
  const dataset = await openCtRate(options.folder)
  const folder = options.decomposed ?? options.folder
  const read = async (file: string) => parseDecomposition(await readTextFile(join(folder, file)), join(folder, file))
  const sections = { findings: await read('desc_info.json'), impression: await read('conc_info.json') }
  const source = (split: Split): SampleSource => {
    const items = studiesWithReport(dataset, split).flatMap(({ id, images, labels }): OrganItem[] => {
      const composed = composeCaptions(id, grid.config.anatomies, sections)
      const captions = Object.fromEntries(Object.entries(composed).map(([name, { caption }]) => [name, caption]))
      const withMask = images.filter(({ mask }) => mask !== undefined)
      return (split === 'train' ? withMask : withMask.slice(0, 1)).map(({ source: scan, mask }) => ({
        ...{ study: id, source: scan, mask: mask!, captions, findings: labels },
      }))
    })
    if (items.length === 0) throw new DataError(`has no masks in the split ${split}`, { path: options.folder })
    const task: TaskModule = { module: besideModule('organ-task'), data: taskDataOf(grid, split === 'train') }
    return { items, task, nameOf: (item) => (item as OrganItem).study }
  }
  return {
    training: source('train'),
    heldOut: () => source('validation'),
    tokenizer: await readTokenizer(options.vocabulary),
  }
}
