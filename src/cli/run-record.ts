/** `run.json`: everything that it takes to know later what a run did, and with what. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { readTextFile, writeTextAtomically } from '../data/index.js'
import type { Device } from '../engine/index.js'
import type { StageTimes } from '../inference/index.js'
import { researchNotice } from './options.js'
import type { ReportFacts } from './report-page.js'

const file = 'run.json'

const root = new URL('../../', import.meta.url)

/** This package: its version, and the hash of the code that runs. */
export function packageIdentity() {
  const { name, version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
    name: string
    version: string
  }
  // src in a checkout, dist in a package: whichever this file is in.
  const code = fileURLToPath(new URL('../', import.meta.url))
  const hash = createHash('sha256')
  const files = readdirSync(code, { recursive: true, encoding: 'utf8' }).filter((path) => /\.(ts|js|wgsl)$/.test(path))
  for (const path of files.sort()) hash.update(path).update(readFileSync(join(code, path)))
  return { name, version, sha256: hash.digest('hex') }
}

/** What is written down of a model. */
export interface RunModel extends Disposable {
  readonly name: string
  readonly weightsPath: string
  readonly note: string | undefined
  readonly device: Device
  readonly dtype: string
  readonly config: unknown
  readonly preprocessing: unknown
  readonly textPooling?: string
  weightsHash(): Promise<string>
  fingerprint(): Promise<string>
}

/** What stands below every report of a model's results. */
export async function reportFacts(model: RunModel): Promise<ReportFacts> {
  const { name, version } = packageIdentity()
  const { description } = model.device.capabilities.adapter
  const provenance = `${await model.fingerprint()}, ${model.dtype}, on ${description}, by ${name} ${version}`
  return { notice: researchNotice, note: model.note, provenance }
}

export interface RunStart {
  readonly command: string
  /** What decides about results: a run can only be resumed with the same. */
  readonly configuration: Readonly<Record<string, unknown>>
  readonly model: RunModel
}

export interface RunEnd {
  readonly timesMs: StageTimes
  /** Most bytes of tensors on the device at a time, weights included. */
  readonly peakDeviceBytes: number
  readonly inputs: readonly { readonly path: string; readonly sha256?: string | undefined; readonly mask?: unknown }[]
  readonly outputs: readonly string[]
  readonly failures: readonly { readonly path: string; readonly message: string }[]
}

/** The record of a run that goes into a folder. */
export class RunRecord {
  readonly #start: Record<string, unknown>
  readonly key: string
  readonly #path: string

  private constructor(folder: string, start: Record<string, unknown>, key: string) {
    this.#path = join(folder, file)
    this.#start = start
    this.key = key
  }

  static async open(folder: string, { command, configuration, model }: RunStart): Promise<RunRecord> {
    const { capabilities, profile } = model.device
    const described = {
      ...{ name: model.name, weights: model.weightsPath, sha256: await model.weightsHash() },
      ...{ fingerprint: await model.fingerprint(), dtype: model.dtype, config: model.config },
      ...{ preprocessing: model.preprocessing, textPooling: model.textPooling },
      ...(model.note !== undefined && { note: model.note }),
    }
    const key = createHash('sha256')
      .update(JSON.stringify([command, configuration, { ...described, weights: undefined }]))
      .digest('hex')
    const start = {
      ...{ notice: researchNotice, command, arguments: process.argv.slice(2), configuration, key },
      package: packageIdentity(),
      model: described,
      device: { ...capabilities.adapter, software: capabilities.software, profile },
      node: process.version,
      startedAt: new Date().toISOString(),
    }
    return new RunRecord(folder, start, key)
  }

  /** Says that the run is under way. */
  async begin(): Promise<void> {
    await this.#write({ finished: false })
  }

  async finish(end: RunEnd): Promise<void> {
    await this.#write({ finished: true, finishedAt: new Date().toISOString(), ...end })
  }

  async #write(more: Record<string, unknown>): Promise<void> {
    await writeTextAtomically(this.#path, `${JSON.stringify({ ...this.#start, ...more }, undefined, 2)}\n`)
  }
}

const previousSchema = z.object({ key: z.string() })

/** The key of the run that a folder is of; undefined where there is none. */
export async function previousKey(folder: string): Promise<string | undefined> {
  const path = join(folder, file)
  if (!existsSync(path)) return undefined
  const parsed = previousSchema.safeParse(JSON.parse(await readTextFile(path)))
  return parsed.success ? parsed.data.key : undefined
}
