/**
 * Checkpoints: one folder each, written under a temporary name and renamed when complete, so that a process that dies
 * while it saves loses that save and nothing else.
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { openSafetensors, type SafetensorsHeader, toFloat32, writeSafetensorsFrom } from '../../data/index.js'
import type { Tensor } from '../../engine/index.js'
import type { Ema } from '../ema.js'
import type { Optimizer } from '../optimizer.js'
import type { TrainingTask } from '../task.js'
import { TrainingError } from './errors.js'
import type { LossScale } from './loss-scale.js'
import type { TrainedParameters } from './trained-parameters.js'
import { readWeights, writeWeights } from './weights-file.js'

const stateSchema = z.strictObject({
  /** Of this layout. */
  version: z.literal(1),
  /** Steps done. The place in the data's order and every seed follow from it. */
  step: z.int().min(0),
  /** What decides about results; a run goes on only with the same. */
  configuration: z.string(),
  lossScale: z.strictObject({ scale: z.number(), goodSteps: z.int() }),
  /** Steps that each parameter took, by name. */
  parameterSteps: z.record(z.string(), z.int()),
  best: z.strictObject({ step: z.int(), value: z.number() }).optional(),
})

export type CheckpointState = z.output<typeof stateSchema>

/** What a checkpoint is of. */
export interface Trained {
  readonly task: TrainingTask
  readonly trained: TrainedParameters
  readonly optimizer: Optimizer
  readonly ema: Ema | undefined
  readonly lossScale: LossScale
}

const [weightsName, averagesName, stateName] = ['model.safetensors', 'average.safetensors', 'state.safetensors']
const stateKey = 'voxgrad.training'
const folderPattern = /^step-(\d{8})$/

export class Checkpoints {
  readonly #folder: string
  readonly #keepLast: number

  /** @param folder gets a folder for each checkpoint. @param keepLast older ones are removed. */
  constructor(folder: string, keepLast: number) {
    this.#folder = folder
    this.#keepLast = keepLast
  }

  /** Paths of complete checkpoints, oldest first. */
  async list(): Promise<string[]> {
    if (!existsSync(this.#folder)) return []
    const names = await readdir(this.#folder)
    return names
      .filter((name) => folderPattern.test(name))
      .sort()
      .map((name) => join(this.#folder, name))
  }

  /** Saves, then removes what is too old and what an interrupted save left. Returns the path. */
  async save(of: Trained, state: Pick<CheckpointState, 'step' | 'configuration' | 'best'>): Promise<string> {
    const path = join(this.#folder, `step-${String(state.step).padStart(8, '0')}`)
    const temporary = `${path}.part`
    await rm(temporary, { recursive: true, force: true })
    await mkdir(temporary, { recursive: true })
    await writeModel(join(temporary, weightsName), of, mastersOf(of))
    if (of.ema) await writeModel(join(temporary, averagesName), of, averagesOf(of, of.ema))
    await writeState(join(temporary, stateName), of, state)
    await rm(path, { recursive: true, force: true })
    await rename(temporary, path)
    await this.#tidy()
    return path
  }

  /** Continues from the newest checkpoint; undefined where there is none. */
  async restore(into: Trained, configuration: string): Promise<CheckpointState | undefined> {
    const path = (await this.list()).at(-1)
    if (path === undefined) return undefined
    const { task, trained, optimizer, ema, lossScale } = into
    await using file = await openSafetensors(join(path, stateName))
    const state = parseState(file.metadata[stateKey] ?? '{}', path)
    if (state.configuration !== configuration) {
      throw new TrainingError(
        `${path}: is of another configuration. Resume with the one that the run began with, or train into another folder`,
      )
    }
    const masters = mastersOf(into)
    await readWeights(join(path, weightsName), task.parameters, (name, parameter) =>
      masters.has(name) ? [masters.get(name)!] : [parameter.value],
    )
    trained.publish()
    if (ema) {
      const averages = averagesOf(into, ema)
      await readWeights(join(path, averagesName), task.parameters, (name) =>
        averages.has(name) ? [averages.get(name)!] : [],
      )
    }
    const slots = slotsOf(file.names)
    const parameters = await Promise.all(
      trained.entries.map(async ({ name }) => {
        const own = (slots.get(name) ?? []).map(
          async (slot) => [slot, toFloat32(await file.read(slotName(name, slot)))] as const,
        )
        return { steps: state.parameterSteps[name] ?? 0, slots: Object.fromEntries(await Promise.all(own)) }
      }),
    )
    optimizer.restore({ lr: optimizer.lr, parameters })
    lossScale.restore(state.lossScale)
    return state
  }

  async #tidy(): Promise<void> {
    const complete = await this.list()
    const old = complete.slice(0, Math.max(0, complete.length - this.#keepLast))
    const parts = (await readdir(this.#folder)).filter((name) => name.endsWith('.part'))
    const gone = [...old, ...parts.map((name) => join(this.#folder, name))]
    await Promise.all(gone.map((path) => rm(path, { recursive: true, force: true })))
  }
}

function parseState(text: string, path: string): CheckpointState {
  const parsed = stateSchema.safeParse(JSON.parse(text))
  if (parsed.success) return parsed.data
  const reason = z.prettifyError(parsed.error).replaceAll('\n', ' ')
  throw new TrainingError(`${path}: is no checkpoint of this version: ${reason}. Train into another folder`)
}

/** The weights that are evaluated and shipped: the averages where there are any. */
export async function writeFinalWeights(path: string, of: Trained): Promise<void> {
  await writeModel(path, of, of.ema ? averagesOf(of, of.ema) : mastersOf(of))
}

async function writeModel(path: string, { task }: Trained, values: ReadonlyMap<string, Tensor>): Promise<void> {
  await writeWeights(path, task.parameters, (name, parameter) => values.get(name) ?? parameter.value, task.metadata)
}

const mastersOf = ({ trained }: Trained): Map<string, Tensor> =>
  new Map(trained.entries.map(({ name, master }) => [name, master]))

const averagesOf = ({ trained }: Trained, ema: Ema): Map<string, Tensor> =>
  new Map(trained.entries.map(({ name }, n) => [name, ema.averages[n]!]))

/** Optimizer slots lie under `SLOT:PARAMETER`. */
const slotName = (parameter: string, slot: string): string => `${slot}:${parameter}`

function slotsOf(names: readonly string[]): Map<string, string[]> {
  const slots = new Map<string, string[]>()
  for (const name of names) {
    const cut = name.indexOf(':')
    const parameter = name.slice(cut + 1)
    slots.set(parameter, [...(slots.get(parameter) ?? []), name.slice(0, cut)])
  }
  return slots
}

async function writeState(
  path: string,
  { trained, optimizer, lossScale }: Trained,
  state: Pick<CheckpointState, 'step' | 'configuration' | 'best'>,
): Promise<void> {
  const { parameters } = optimizer.state
  const tensors = new Map(
    trained.entries.flatMap(({ name }, n) =>
      Object.entries(parameters[n]!.slots).map(([slot, value]) => [slotName(name, slot), value] as const),
    ),
  )
  const headers = new Map(
    Array.from(tensors, ([name, { shape }]): [string, SafetensorsHeader] => [
      name,
      { dtype: 'F32', shape: [...shape] },
    ]),
  )
  const complete: CheckpointState = {
    ...{ version: 1, ...state, lossScale: lossScale.state },
    parameterSteps: Object.fromEntries(trained.entries.map(({ name }, n) => [name, parameters[n]!.steps])),
  }
  const read = async (name: string) => {
    const value = tensors.get(name)!
    return { dtype: 'F32' as const, shape: [...value.shape], data: (await value.data()) as Float32Array }
  }
  await writeSafetensorsFrom(path, headers, read, { [stateKey]: JSON.stringify(complete) })
}
