/** What a checkpoint of ours says about itself in the metadata of its safetensors file. */
import { z } from 'zod'
import { DataError } from '../data/index.js'
import { type ColipriConfig, colipriConfigSchema, describeWeights, descriptionKeys as keys } from '../models/index.js'

export interface CheckpointDescription {
  readonly model: string
  readonly config?: ColipriConfig | undefined
  /** The text of a `vocab.txt`. */
  readonly vocabulary?: string | undefined
  /** What whoever uses the weights must know, such as that they are random. */
  readonly note?: string | undefined
}

type Metadata = Readonly<Record<string, string>>

export const describeCheckpoint = (description: CheckpointDescription): Metadata => describeWeights(description)

/** The description of weights for `model`; throws a DataError for weights of another, or a configuration that is none. */
export function readDescription(metadata: Metadata, model: string, path: string): CheckpointDescription {
  const stated = metadata[keys.model] ?? model
  if (stated !== model) throw new DataError(`these are weights of ${stated}, not of ${model}`, { path })
  const config = metadata[keys.config]
  return {
    model,
    vocabulary: metadata[keys.vocabulary],
    note: metadata[keys.note],
    config: config === undefined ? undefined : parseConfig(config, `${path} (${keys.config})`),
  }
}

/** A configuration from JSON. Throws a DataError that names every wrong field; `path` begins the message. */
export function parseConfig(text: string, path: string): ColipriConfig {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new DataError(`is not JSON: ${(cause as Error).message}`, { path, cause })
  }
  const parsed = colipriConfigSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new DataError(`is no COLIPRI configuration: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`, { path })
}
