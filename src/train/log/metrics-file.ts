/** `metrics.jsonl`: a line for every step that is logged and for every evaluation. */
import { existsSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { readTextFile, writeTextAtomically } from '../../data/index.js'
import type { EvaluationEvent, StepEvent, TrainingObserver } from '../trainer/events.js'

/** One line. Steps have no `split`. Numbers that are not finite are null, as JSON has none. */
export interface MetricsLine {
  readonly step: number
  readonly split?: string
  readonly [name: string]: unknown
}

export class MetricsFile implements TrainingObserver {
  readonly #path: string
  readonly #lines: MetricsLine[] = []

  constructor(path: string) {
    this.#path = path
  }

  /** What the file has; grows with it. */
  get lines(): readonly MetricsLine[] {
    return this.#lines
  }

  /** Starts anew, or where a run goes on: lines after that step, of which no checkpoint knows, are taken out. */
  async onBegin({ step }: { readonly step: number }): Promise<void> {
    const known = step > 0 && existsSync(this.#path) ? parse(await readTextFile(this.#path)) : []
    this.#lines.splice(0, Number.POSITIVE_INFINITY, ...known.filter((line) => line.step <= step))
    await writeTextAtomically(this.#path, this.#lines.map(text).join(''))
  }

  async onStep({ metrics, totalSteps: _, ...event }: StepEvent): Promise<void> {
    await this.#add({ ...event, ...metrics })
  }

  async onEvaluation({ step, split, scores }: EvaluationEvent): Promise<void> {
    await this.#add({ step, split, ...scores })
  }

  async #add(line: MetricsLine): Promise<void> {
    this.#lines.push(line)
    await appendFile(this.#path, text(line))
  }
}

const text = (line: MetricsLine): string => `${JSON.stringify(line)}\n`

/** Complete lines; the last one of a process that died may not be. */
function parse(content: string): MetricsLine[] {
  return content.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as MetricsLine]
    } catch {
      return []
    }
  })
}
