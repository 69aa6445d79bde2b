import { dirname, join } from 'node:path'
import { z } from 'zod'
import { DataError } from '../errors.js'
import { readJson, readText } from '../text/text-file.js'
import { firstFile, isFolder, listFiles } from './listing.js'
import { type Dataset, type DatasetProblem, makeReport, type Report, type Split, type Study } from './study.js'

export interface M3dCapOptions {
  /** Leave out series with fewer slices. VELVET-Med used 48. Default 1. */
  readonly minSlices?: number
}

const pair = z.object({ image: z.string(), text: z.string() })
const splitFile = z.object({ train: z.array(pair), validation: z.array(pair), test: z.array(pair) })

/** A slice: case folder, series folder, number. */
const slicePattern = /^(ct_case|ct_quizze)\/[^/]+\/[^/]+\/[^/]+\.(png|jpe?g)$/i

/**
 * M3D-Cap (Bai et al., arXiv 2404.00578): CT and other series as 8-bit pictures with the text of their case. `folder`
 * holds, here or in a folder `M3D_Cap`:
 *
 *     ct_case/000006/Axial_non_contrast/0.png, 1.png, ...     one folder per series; likewise ct_quizze
 *     ct_case/000006/text.txt                                 one text per case
 *     M3D_Cap.json                                            {train, validation, test: [{image, text}]}, if there
 *
 * A study is a case with its series; the case also stands for the patient, whom nothing names. A case whose series are in
 * several splits becomes one study per split, which shows as a leak. There is no spacing and no HU: the pictures are
 * screenshots with an unknown window.
 *
 * Licence: pictures and texts are Radiopaedia's and its contributors', whose terms apply; the collection's distribution on
 * the Hugging Face Hub was closed in 2025 over doubts about them.
 *
 * Throws a DataError for a folder that is none of this.
 */
export async function openM3dCap(folder: string, { minSlices = 1 }: M3dCapOptions = {}): Promise<Dataset> {
  const root = (await isFolder(join(folder, 'M3D_Cap'))) ? join(folder, 'M3D_Cap') : folder
  const files = await listFiles(root)
  const slices = new Map<string, number>()
  for (const path of files.filter((file) => slicePattern.test(file))) {
    slices.set(dirname(path), (slices.get(dirname(path)) ?? 0) + 1)
  }
  if (slices.size === 0) {
    throw new DataError('has no M3D-Cap series', { path: folder, remedy: 'They lie in ct_case/CASE/SERIES/0.png' })
  }
  const cases = new Map<string, string[]>()
  for (const [series, count] of slices) {
    if (count >= minSlices) cases.set(dirname(series), [...(cases.get(dirname(series)) ?? []), series])
  }
  const splitOf = await readSplits(folder, root)
  const problems: DatasetProblem[] = []
  const texts = new Set(files)
  const studies: Study[] = []
  for (const [patient, series] of cases) {
    const report = await readCase(root, patient, texts, problems)
    const parts = [...new Set(series.map((path) => splitOf.get(path)))]
    for (const split of parts) {
      studies.push({
        id: parts.length > 1 ? `${patient} (${split ?? 'no split'})` : patient,
        patient,
        ...(split && { split }),
        images: series
          .filter((path) => splitOf.get(path) === split)
          .map((path) => ({ name: path, source: { kind: 'slices', folder: join(root, path) } })),
        ...(report && { report }),
      })
    }
  }
  return {
    ...{ name: 'M3D-Cap', folder, studies, problems, notes: [] },
    licence: "Radiopaedia's and its contributors' terms",
  }
}

async function readCase(
  root: string,
  patient: string,
  files: ReadonlySet<string>,
  problems: DatasetProblem[],
): Promise<Report | undefined> {
  const path = `${patient}/text.txt`
  const text = files.has(path) ? await readText(join(root, path)) : ''
  const report = makeReport({ findings: text })
  if (!report) problems.push({ kind: 'missing-report', name: patient, message: 'has no text' })
  return report
}

/** The split of each series, by its path. Empty without the file. */
async function readSplits(folder: string, root: string): Promise<Map<string, Split>> {
  const path = await firstFile(join(folder, 'M3D_Cap.json'), join(root, 'M3D_Cap.json'))
  const splits = new Map<string, Split>()
  if (path === undefined) return splits
  const parsed = splitFile.safeParse(await readJson(path))
  if (!parsed.success) throw new DataError(`is no split file: ${z.prettifyError(parsed.error)}`, { path })
  for (const [split, pairs] of Object.entries(parsed.data)) {
    for (const { image } of pairs) splits.set(image.replace(/^M3D_Cap\//, '').replace(/\/$/, ''), split as Split)
  }
  return splits
}
