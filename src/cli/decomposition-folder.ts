/** What `voxgrad fvlm decompose` leaves behind: lines as they come, and the files that training reads. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { DataError, type RawReport, readTextFile, writeTextAtomically } from '../data/index.js'
import { packageIdentity } from './run-record.js'

/** What decides about results, and is written down. */
export type DecompositionRecord = Readonly<Record<string, unknown>>

const sectionSchema = z.object({ texts: z.record(z.string(), z.string()), disputed: z.array(z.string()) })
const lineSchema = z.object({
  scan: z.string(),
  sha256: z.string(),
  findings: sectionSchema,
  impression: sectionSchema,
})
const previousSchema = z.object({ key: z.string() })

type Line = z.infer<typeof lineSchema>

interface SectionParts {
  readonly texts: Readonly<Record<string, string>>
  readonly disputed: readonly string[]
}

/** Both sections of a report, taken apart. */
export interface ReportParts {
  readonly findings: SectionParts
  readonly impression: SectionParts
}

const hashOf = ({ findings, impression }: RawReport): string =>
  createHash('sha256')
    .update(JSON.stringify([findings, impression]))
    .digest('hex')

export class DecompositionFolder {
  readonly lines: string
  /** Findings, then impressions. */
  readonly files: readonly [string, string]
  readonly #recordPath: string
  readonly #record: DecompositionRecord
  readonly #done: Map<string, Line>

  private constructor(folder: string, record: DecompositionRecord, done: Map<string, Line>) {
    this.lines = join(folder, 'decomposition.jsonl')
    this.files = [join(folder, 'desc_info.json'), join(folder, 'conc_info.json')]
    this.#recordPath = join(folder, 'decompose.json')
    this.#record = record
    this.#done = done
  }

  /** Throws a DataError where there is something made in another way to go on with. */
  static async open(path: string, described: DecompositionRecord, resume: boolean): Promise<DecompositionFolder> {
    await mkdir(path, { recursive: true })
    const key = createHash('sha256').update(JSON.stringify(described)).digest('hex')
    const { name, version } = packageIdentity()
    const folder = new DecompositionFolder(path, { key, ...described, package: { name, version } }, new Map())
    const goesOn = resume && existsSync(folder.#recordPath)
    if (goesOn) {
      const before = previousSchema.safeParse(JSON.parse(await readTextFile(folder.#recordPath)))
      if (before.data?.key !== key) {
        throw new DataError('was made with another model, other anatomies or by other rules', {
          path,
          remedy: 'Give the same as before, another --out, or leave --resume out',
        })
      }
    }
    if (goesOn && existsSync(folder.lines)) {
      for (const line of parseLines(await readTextFile(folder.lines))) folder.#done.set(line.scan, line)
    }
    // Without the line that the end of the last run cut off.
    await writeTextAtomically(
      folder.lines,
      [...folder.#done.values()].map((line) => `${JSON.stringify(line)}\n`).join(''),
    )
    await writeJson(folder.#recordPath, { ...folder.#record, finished: false })
    return folder
  }

  /** Whether the report is there as it is now. */
  has(report: RawReport): boolean {
    return this.#done.get(report.scan)?.sha256 === hashOf(report)
  }

  async add(report: RawReport, { findings, impression }: ReportParts): Promise<void> {
    const copy = ({ texts, disputed }: SectionParts) => ({ texts: { ...texts }, disputed: [...disputed] })
    const line: Line = {
      ...{ scan: report.scan, sha256: hashOf(report) },
      ...{ findings: copy(findings), impression: copy(impression) },
    }
    await appendFile(this.lines, `${JSON.stringify(line)}\n`)
    this.#done.set(report.scan, line)
  }

  /** Writes both files, with the reports that are done in the order given, and the record. */
  async finish(
    reports: readonly RawReport[],
    failures: readonly { readonly scan: string; readonly message: string }[],
  ): Promise<{ readonly disputed: number }> {
    const done = reports.filter((report) => this.has(report))
    const entries = (kind: 'findings' | 'impression', whole: string) =>
      Object.fromEntries(
        done.map((report) => [report.scan, { [whole]: report[kind], ...this.#done.get(report.scan)![kind].texts }]),
      )
    await writeJson(this.files[0], entries('findings', 'Findings'))
    await writeJson(this.files[1], entries('impression', 'Conclusion'))
    const disputed = done.reduce((sum, { scan }) => {
      const { findings, impression } = this.#done.get(scan)!
      return sum + findings.disputed.length + impression.disputed.length
    }, 0)
    await writeJson(this.#recordPath, { ...this.#record, finished: true, reports: done.length, disputed, failures })
    return { disputed }
  }
}

const writeJson = (path: string, value: unknown) =>
  writeTextAtomically(path, `${JSON.stringify(value, undefined, 1)}\n`)

function parseLines(text: string): Line[] {
  return text.split('\n').flatMap((line, n, lines) => {
    if (line === '') return []
    try {
      return [lineSchema.parse(JSON.parse(line))]
    } catch (cause) {
      if (n === lines.length - 1) return []
      throw new DataError(`line ${n + 1} is no result of this command`, { path: 'decomposition.jsonl', cause })
    }
  })
}
