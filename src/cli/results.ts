/** Results of a run, one a scan: a line of JSON each as they come, tables of all of them at the end. */

import { existsSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, readTextFile, writeNpy, writeTextAtomically } from '../data/index.js'
import { researchNotice } from './options.js'

/** What is known of a scan. All of it is plain JSON. */
export interface ScanResult {
  readonly scan: string
  readonly sha256: string
  /** The label map it was looked at with, where there is one. */
  readonly mask?: { readonly path: string; readonly sha256: string } | undefined
  readonly [field: string]: unknown
}

const fileName = 'results.jsonl'

/** `results.jsonl` of a folder. */
export class ResultFile {
  #results: ScanResult[]
  readonly #path: string

  private constructor(path: string, results: ScanResult[]) {
    this.#path = path
    this.#results = results
  }

  get results(): readonly ScanResult[] {
    return this.#results
  }

  /** Starts anew, or goes on behind the complete lines that are there. */
  static async open(folder: string, resume: boolean): Promise<ResultFile> {
    const path = join(folder, fileName)
    const results = resume && existsSync(path) ? parseLines(await readTextFile(path)) : []
    const file = new ResultFile(path, results)
    await file.forget([])
    return file
  }

  /** Takes out what is known of some scans, and whatever line the end of the last run cut off. */
  async forget(scans: readonly string[]): Promise<void> {
    const gone = new Set(scans)
    this.#results = this.#results.filter(({ scan }) => !gone.has(scan))
    await writeTextAtomically(this.#path, this.#results.map((result) => `${JSON.stringify(result)}\n`).join(''))
  }

  async add(result: ScanResult): Promise<void> {
    await appendFile(this.#path, `${JSON.stringify(result)}\n`)
    this.#results.push(result)
  }
}

function parseLines(text: string): ScanResult[] {
  return text.split('\n').flatMap((line, n, lines) => {
    if (line === '') return []
    try {
      return [JSON.parse(line) as ScanResult]
    } catch (cause) {
      if (n === lines.length - 1) return []
      throw new DataError(`line ${n + 1} is not JSON`, { path: fileName, cause })
    }
  })
}

/** The numbers of results as a table. */
export interface ResultTable {
  readonly columns: readonly string[]
  /** NaN for what is missing. */
  row(result: ScanResult): readonly number[]
}

export async function writeCsv(path: string, results: readonly ScanResult[], table: ResultTable): Promise<void> {
  const head = ['scan', 'sha256', ...table.columns, 'notice']
  const rows = results.map((result) => [result.scan, result.sha256, ...table.row(result).map(String), researchNotice])
  await writeTextAtomically(path, `${[head, ...rows].map((row) => row.map(quoted).join(',')).join('\r\n')}\r\n`)
}

/** `[results, columns]`, float32. */
export async function writeMatrix(path: string, results: readonly ScanResult[], table: ResultTable): Promise<void> {
  const data = Float32Array.from(results.flatMap((result) => table.row(result)))
  await writeNpy(path, { dtype: 'F32', shape: [results.length, table.columns.length], data })
}

const quoted = (cell: string): string => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)
