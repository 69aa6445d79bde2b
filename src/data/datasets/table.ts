import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { DataError } from '../errors.js'
import { parseJson, readText } from '../text/text-file.js'
import { readCsv } from './csv.js'
import { isFile, isFolder } from './listing.js'
import { parseLabel } from './numbers.js'
import { type Dataset, type DatasetProblem, makeReport, type Study, type StudyImage, splits } from './study.js'

/** What one row says, whatever the format. */
const rowSchema = z.strictObject({
  image: z.string().min(1),
  mask: z.string().optional(),
  id: z.string().optional(),
  patient: z.string().optional(),
  split: z.enum(splits as ['train', 'validation', 'test']).optional(),
  report: z.string().optional(),
  clinical: z.string().optional(),
  technique: z.string().optional(),
  findings: z.string().optional(),
  impression: z.string().optional(),
  labels: z.unknown().transform(checkLabels).optional(),
})

/** Not a record of zod's, which drops the key `__proto__`. */
function checkLabels(value: unknown, context: z.RefinementCtx): Record<string, 0 | 1> | undefined {
  if (value === undefined) return undefined
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  if (!isObject) context.addIssue({ code: 'custom', message: 'must be an object of labels' })
  const labels = isObject ? Object.entries(value) : []
  for (const [name, label] of labels) {
    if (label !== 0 && label !== 1) context.addIssue({ code: 'custom', path: [name], message: 'must be 0 or 1' })
  }
  return Object.fromEntries(labels)
}

type Row = z.infer<typeof rowSchema>

/** Before the name of a label in the header of a CSV. */
const LABEL_PREFIX = 'label:'

/**
 * A plain list of images: a `.csv` with a header, or a `.jsonl` with one object a line. Columns (fields), of which only
 * `image` is needed:
 *
 *     image, mask       paths, relative to the list; a file or a DICOM folder
 *     id                of the study; rows of one id are images of one study. Default: the image's path
 *     patient           Default: the id, so that every study counts as a patient of its own
 *     split             train, validation or test
 *     report            the whole text; or its parts clinical, technique, findings, impression
 *     label:NAME        0, 1 or empty (CSV); `labels: {NAME: 0 or 1}` (JSONL)
 *
 * Images and masks that are not there are noted as problems and left out. Licence: yours to know.
 *
 * Throws a DataError that names the row for anything else that is wrong, unknown columns included.
 */
export async function openTable(path: string): Promise<Dataset> {
  const studies = new Map<string, Study>()
  const problems: DatasetProblem[] = []
  const names = new Set<string>()
  for await (const [where, row] of readRows(path)) {
    const image = await findImage(path, row, problems)
    if (image === undefined) continue
    if (names.has(image.name)) throw new DataError(`${where} names the image '${image.name}' again`, { path })
    names.add(image.name)
    const id = row.id || row.image
    const study = studyOf(row, id, image)
    const known = studies.get(id)
    studies.set(id, known ? joined(known, study, problems) : study)
  }
  return {
    ...{ name: path, folder: dirname(path), studies: [...studies.values()], problems, notes: [] },
    licence: 'not stated',
  }
}

function studyOf({ patient, split, report: text, labels, ...parts }: Row, id: string, image: StudyImage): Study {
  const { clinical, technique, findings, impression } = parts
  const sections = makeReport({
    ...(clinical && { clinical }),
    ...(technique && { technique }),
    ...(findings && { findings }),
    ...(impression && { impression }),
  })
  const report = text?.trim() ? { ...sections, text: text.trim() } : sections
  return {
    ...{ id, patient: patient || id, images: [image] },
    ...(split && { split }),
    ...(report && { report }),
    ...(labels && { labels }),
  }
}

/** A further image of a study that is known. The first row's patient, split, report and labels hold. */
function joined(known: Study, more: Study, problems: DatasetProblem[]): Study {
  if (more.report && known.report?.text !== more.report.text) {
    problems.push({ kind: 'conflicting-report', name: known.id, message: 'its rows have different reports' })
  }
  if (more.split !== known.split || more.patient !== known.patient) {
    problems.push({ kind: 'conflicting-split', name: known.id, message: 'its rows have different patients or splits' })
  }
  return { ...known, images: [...known.images, ...more.images] }
}

async function findImage(list: string, row: Row, problems: DatasetProblem[]): Promise<StudyImage | undefined> {
  const there = async (path: string): Promise<string | undefined> => {
    const full = resolve(dirname(list), path)
    return (await isFile(full)) || (await isFolder(full)) ? full : undefined
  }
  const path = await there(row.image)
  if (path === undefined) {
    problems.push({ kind: 'missing-image', name: row.image, message: 'is not there' })
    return undefined
  }
  const mask = row.mask ? await there(row.mask) : undefined
  if (row.mask && mask === undefined) {
    problems.push({ kind: 'missing-mask', name: row.image, message: `its mask ${row.mask} is not there` })
  }
  const source = { kind: 'volume', path } as const
  return { name: row.image, source, ...(mask !== undefined && { mask: { kind: 'volume', path: mask } as const }) }
}

/** Checked rows with a name for messages. */
async function* readRows(path: string): AsyncGenerator<[string, Row]> {
  const isJsonLines = /\.jsonl$/i.test(path)
  if (!isJsonLines && !/\.csv$/i.test(path)) {
    throw new DataError('is neither .csv nor .jsonl', { path })
  }
  let number = 0
  for await (const value of isJsonLines ? jsonLines(path) : csvRows(path)) {
    const where = `row ${++number}`
    // Nor does a strict schema see this key among those that it does not know.
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')) {
      throw new DataError(`${where} is wrong: Unrecognized key: "__proto__"`, { path })
    }
    const parsed = rowSchema.safeParse(value)
    if (!parsed.success) {
      const problem = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ')
      throw new DataError(`${where} is wrong: ${problem}`, { path })
    }
    yield [where, parsed.data]
  }
}

async function* jsonLines(path: string): AsyncGenerator<unknown> {
  for (const [n, line] of (await readText(path)).split('\n').entries()) {
    if (line.trim() !== '') yield parseJson(line, `${path}, line ${n + 1}`)
  }
}

/** Label columns become one field; empty cells are no fields. */
async function* csvRows(path: string): AsyncGenerator<unknown> {
  for await (const row of readCsv(path, ['image'])) {
    const cells = Object.entries(row).filter(([, text]) => text.trim() !== '')
    const labels = cells
      .filter(([column]) => column.startsWith(LABEL_PREFIX))
      .map(([column, text]) => [column.slice(LABEL_PREFIX.length), parseLabel(text, column, row.image!, path)] as const)
    const fields = cells.filter(([column]) => !column.startsWith(LABEL_PREFIX))
    yield { ...Object.fromEntries(fields), ...(labels.length > 0 && { labels: Object.fromEntries(labels) }) }
  }
}
