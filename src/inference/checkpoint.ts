/** What a checkpoint of ours says about itself in the metadata of its safetensors file. */
import { z } from 'zod'
import { DataError } from '../data/index.js'
import {
  type ColipriConfig,
  colipriConfigSchema,
  describeWeights,
  type FvlmConfig,
  fvlmConfigSchema,
  descriptionKeys as keys,
} from '../models/index.js'

/** What fixes the architecture of each model. */
export interface ModelConfigs {
  colipri: ColipriConfig
  fvlm: FvlmConfig
}

const schemas: { readonly [Name in keyof ModelConfigs]: z.ZodType<ModelConfigs[Name]> } = {
  colipri: colipriConfigSchema,
  fvlm: fvlmConfigSchema,
}

const titles = { colipri: 'COLIPRI', fvlm: 'fVLM' } as const

export interface CheckpointDescription<Name extends keyof ModelConfigs = keyof ModelConfigs> {
  readonly model: Name
  readonly config?: ModelConfigs[Name] | undefined
  /** The text of a `vocab.txt`. */
  readonly vocabulary?: string | undefined
  /** What whoever uses the weights must know, such as that they are random. */
  readonly note?: string | undefined
}

type Metadata = Readonly<Record<string, string>>

export const describeCheckpoint = (description: CheckpointDescription): Metadata => describeWeights(description)

/** The description of weights for `model`; throws a DataError for weights of another, or a configuration that is none. */
export function readDescription<Name extends keyof ModelConfigs>(
  metadata: Metadata,
  model: Name,
  path: string,
): CheckpointDescription<Name> {
  const stated = metadata[keys.model] ?? model
  if (stated !== model) throw new DataError(`these are weights of ${stated}, not of ${model}`, { path })
  const config = metadata[keys.config]
  return {
    model,
    vocabulary: metadata[keys.vocabulary],
    note: metadata[keys.note],
    config: config === undefined ? undefined : parseConfig(config, `${path} (${keys.config})`, model),
  }
}

/** A configuration from JSON. Throws a DataError that names every wrong field; `path` begins the message. */
export function parseConfig(text: string, path: string): ColipriConfig
export function parseConfig<Name extends keyof ModelConfigs>(
  text: string,
  path: string,
  model: Name,
): ModelConfigs[Name]
export function parseConfig(text: string, path: string, model: keyof ModelConfigs = 'colipri') {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new DataError(`is not JSON: ${(cause as Error).message}`, { path, cause })
  }
  const parsed = schemas[model].safeParse(value)
  if (parsed.success) return parsed.data
  const problems = z.prettifyError(parsed.error).replaceAll('\n', ' ')
  throw new DataError(`is no ${titles[model]} configuration: ${problems}`, { path })
}
