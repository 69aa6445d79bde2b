/** Published weights that VELVET-Med's parts can start from, each with its names (reference §2). */
import { VoxgradError } from '../../engine/index.js'
import type { ParameterScope } from '../layers/parameter.js'
import { loadWeights, type WeightSource } from '../weights.js'
import type { TriBertConfig } from './config.js'

/** How the names of a file become a model's: undefined for a tensor that the model does not take. */
export type NameRule = (name: string) => string | undefined

/** Dictionaries that checkpoints are wrapped in, and what training in parallel puts before names. */
const unwrapped = (name: string): string => name.replace(/^(state_dict|model)\./, '').replace(/^module\./, '')

const isIndexBuffer = (name: string): boolean => name.endsWith('.relative_position_index')

/** `mlp.fc1` and `mlp.fc2` of MONAI before 0.9 are `mlp.linear1` and `mlp.linear2` since. */
const modernNames = (name: string): string => name.replace(/\.mlp\.fc([12])\./, '.mlp.linear$1.')

const taken =
  (prefix: string): NameRule =>
  (name) =>
    name.startsWith(prefix) && !isIndexBuffer(name) ? name.slice(prefix.length) : undefined

export const velvetWeightRules = {
  /** The vision encoder of a VELVET-Med checkpoint. */
  velvetEncoder: taken('vision_ssl.vision_encoder.'),
  /** TriBERT of a VELVET-Med checkpoint. */
  velvetText: taken('text_ssl.text_model.'),
  /** A fine-tuned segmenter of VELVET-Med's own code. */
  velvetSegmenter: taken('segmenter.'),
  /** NVIDIA's `model_swinvit.pt`, for the encoder of size Tv; its final norm has no place in any current model. */
  modelSwinVit: (name) => {
    const bare = modernNames(unwrapped(name)).replace(/^(swinViT|swin_vit)\./, '')
    return /^(patch_embed|layers\d)\./.test(bare) && !isIndexBuffer(bare) ? bare : undefined
  },
  /** The Disruptive Autoencoders' `ssl_pretrained_weights.pth`, for the encoder of size Tv. */
  disruptiveAutoencoder: (name) => {
    const match = /^encoder\.((?:patch_embed|layers\d)\..*)$/.exec(unwrapped(name))
    if (!match || isIndexBuffer(match[1]!)) return undefined
    return modernNames(match[1]!.replace(/^(layers\d)\.0\.0\./, '$1.0.'))
  },
  /** MONAI's SwinUNETR, such as the fine-tuned ones for BTCV. */
  swinUnetr: (name) => {
    const bare = modernNames(unwrapped(name))
    return isIndexBuffer(bare) ? undefined : bare
  },
} satisfies Record<string, NameRule>

/** What became of the tensors of a file. */
export interface WeightReport {
  /** Names in the model that were filled. */
  readonly loaded: readonly string[]
  /** Names in the file that the rule passed over. */
  readonly passedOver: readonly string[]
}

/**
 * Loads the tensors that a rule names. Strict: what is left must fit every parameter of the model.
 *
 * @throws VoxgradError when the rule takes nothing from the file, naming what is in it.
 * @throws WeightsError that lists every missing, extra and misshapen tensor.
 */
export async function loadByRule(model: ParameterScope, source: WeightSource, rule: NameRule): Promise<WeightReport> {
  const { renamed, passedOver } = renameWeights(source, rule)
  await loadWeights(model, renamed)
  return { loaded: renamed.names, passedOver }
}

/** A view of the tensors that a rule names, under their new names. Throws a VoxgradError when there are none. */
export function renameWeights(
  source: WeightSource,
  rule: NameRule,
): { readonly renamed: WeightSource; readonly passedOver: readonly string[] } {
  const originals = new Map<string, string>()
  const passedOver: string[] = []
  for (const original of source.names) {
    const name = rule(original)
    if (name === undefined) passedOver.push(original)
    else if (originals.has(name)) {
      throw new VoxgradError(`${source.path}: ${originals.get(name)} and ${original} would both be ${name}`)
    } else originals.set(name, original)
  }
  if (originals.size === 0) {
    const first = source.names.slice(0, 5).join(', ') || 'nothing'
    throw new VoxgradError(
      `${source.path}: none of its ${source.names.length} tensors belongs to the model, so nothing was loaded. ` +
        `It begins with ${first}. Choose the rule of the weights' origin`,
    )
  }
  const renamed: WeightSource = {
    path: source.path,
    names: [...originals.keys()],
    metadata: source.metadata,
    header: (name) => source.header(originals.get(name)!),
    readFloat32: (name) => source.readFloat32(originals.get(name)!),
  }
  return { renamed, passedOver }
}

const isTextLayer = (name: string, { textLayers }: TriBertConfig): boolean => {
  const layer = /^encoder\.layer\.(\d+)\./.exec(name)
  return layer ? Number(layer[1]) < textLayers : name.startsWith('embeddings.')
}

/**
 * TriBERT's start from CXR-BERT-general: the text layers by name, the words with a row for each sentence token that is
 * [CLS]'s, and every sentence's type from type 0, with zeros for padding. The fusion layers are left as they are.
 *
 * @throws VoxgradError when the file holds none of it, or too few words. @throws WeightsError for what does not fit.
 */
export async function loadCxrBert(
  model: ParameterScope,
  source: WeightSource,
  config: TriBertConfig,
): Promise<WeightReport> {
  const { renamed, passedOver } = renameWeights(source, (name) => {
    const bare = unwrapped(name).replace(/^bert\./, '')
    return isTextLayer(bare, config) && !bare.endsWith('position_ids') ? bare : undefined
  })
  const tables: Readonly<Record<string, (rows: Float32Array) => Float32Array>> = {
    'embeddings.word_embeddings.weight': (rows) => withSentenceWords(rows, config, source.path),
    'embeddings.token_type_embeddings.weight': (rows) => withSentenceTypes(rows, config),
  }
  const rowCounts: Readonly<Record<string, number>> = {
    'embeddings.word_embeddings.weight': config.vocabulary,
    'embeddings.token_type_embeddings.weight': config.tokenTypes,
  }
  const grown: WeightSource = {
    ...renamed,
    header: (name) => {
      const header = renamed.header(name)
      const rows = rowCounts[name]
      return rows === undefined ? header : { ...header, shape: [rows, ...header.shape.slice(1)] }
    },
    readFloat32: async (name) => {
      const values = await renamed.readFloat32(name)
      return tables[name]?.(values) ?? values
    },
  }
  await loadWeights(model, grown, { only: (name) => isTextLayer(name, config) })
  return { loaded: renamed.names, passedOver }
}

/** Id of [CLS] in CXR-BERT's vocabulary. */
const startId = 2

function withSentenceWords(
  rows: Float32Array,
  { vocabulary, features, firstSentenceId = vocabulary }: TriBertConfig,
  path: string,
): Float32Array {
  if (rows.length < firstSentenceId * features) {
    throw new VoxgradError(`${path}: has ${rows.length / features} words, the configuration needs ${firstSentenceId}`)
  }
  const table = new Float32Array(vocabulary * features)
  table.set(rows.subarray(0, firstSentenceId * features))
  const start = rows.subarray(startId * features, (startId + 1) * features)
  for (let id = firstSentenceId; id < vocabulary; id++) table.set(start, id * features)
  return table
}

function withSentenceTypes(rows: Float32Array, { tokenTypes, features }: TriBertConfig): Float32Array {
  const table = new Float32Array(tokenTypes * features)
  for (let type = 1; type < tokenTypes; type++) table.set(rows.subarray(0, features), type * features)
  return table
}
