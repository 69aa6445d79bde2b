/** What the fVLM cases share: configurations, weights, bounds and tokens. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { WordPieceTokenizer } from '../../../../src/data/index.js'
import { type Device, scope, sizeOf, type Tensor, tensor } from '../../../../src/engine/index.js'
import { stack } from '../../../../src/kernels/join/index.js'
import { permute } from '../../../../src/kernels/layout/index.js'
import {
  Fvlm,
  type FvlmConfig,
  type FvlmOptions,
  fvlmPublished,
  type PooledOrgans,
  type TextTokenizer,
  type WeightSource,
} from '../../../../src/models/index.js'
import { checkNumbers, peak } from '../../checks.js'
import { type GoldenFile, readGolden } from '../../tensors.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import { inCheckpointLayout } from '../colipri/towers.js'

export type Runner = (row: GoldenRow, dir: string, device: Device) => Promise<CheckResult[]>

// biome-ignore lint/suspicious/noExplicitAny: golden configurations have no schema of their own
export const configOf = (row: GoldenRow): any => row.config ?? {}

export const open = (row: GoldenRow, dir: string): Promise<GoldenFile> => readGolden(join(dir, row.file))

/** The file with the weights of a case: its own, or that of the case that `weights_from` names. */
export function weightsFile(row: GoldenRow, dir: string): string {
  const from = configOf(row).weights_from as string | undefined
  if (from === undefined) return join(dir, row.file)
  const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as { cases: GoldenRow[] }
  const other = manifest.cases.find(({ id }) => id === from)
  if (!other) throw new Error(`${row.id} takes its weights from ${from}, which is not in the manifest`)
  return join(dir, other.file)
}

/** `config.model` of a case as ours; what it leaves out is as published. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export function modelConfig(model: any, vocabulary: number): FvlmConfig {
  const { vision, text } = model
  return {
    ...fvlmPublished,
    anatomies: model.organs ?? fvlmPublished.anatomies,
    vision: vision ? visionConfig(vision) : fvlmPublished.vision,
    poolingHeads: model.pooling_heads ?? fvlmPublished.poolingHeads,
    projectionFeatures: model.feat ?? fvlmPublished.projectionFeatures,
    text: text ? textConfig(text, vocabulary) : fvlmPublished.text,
  }
}

// biome-ignore lint/suspicious/noExplicitAny: see above
export function visionConfig(vision: any): FvlmConfig['vision'] {
  const published = fvlmPublished.vision
  return {
    patch: vision.patch,
    trainingGrid: vision.training_grid ?? vision.grid ?? published.trainingGrid,
    features: vision.hidden ?? vision.width,
    depth: vision.blocks ?? published.depth,
    heads: vision.heads,
    hiddenFeatures: vision.mlp,
    taps: vision.taps ?? published.taps,
    dropout: 0,
  }
}

// biome-ignore lint/suspicious/noExplicitAny: see above
export function textConfig(text: any, vocabulary: number): FvlmConfig['text'] {
  const positions = text.max_positions ?? text.positions
  return {
    vocabulary: text.vocab ?? vocabulary,
    features: text.hidden ?? text.width,
    layers: text.layers,
    heads: text.heads,
    hiddenFeatures: text.ffn,
    positions,
    length: text.length ?? positions,
    dropout: 0,
  }
}

const wordTable = 'weight.text_encoder.embeddings.word_embeddings.weight'

export interface LoadOptions extends Pick<FvlmOptions, 'only'> {
  readonly replace?: Readonly<Record<string, Float32Array>>
}

/** The model of a case with `config.model`, with its weights. */
export async function loadModel(row: GoldenRow, dir: string, device: Device, options: LoadOptions = {}): Promise<Fvlm> {
  const path = weightsFile(row, dir)
  const golden = await readGolden(path)
  const config = modelConfig(configOf(row).model, golden.entry(wordTable).shape[0]!)
  return new Fvlm(device, { config, only: options.only }).load(weightsOf(golden, path))
}

/** The tensors `weight.*` of a file; `change` may alter values by name. */
export function weightsOf(
  golden: GoldenFile,
  path: string,
  change: (name: string, values: Float32Array) => Float32Array = (_, values) => values,
): WeightSource {
  return {
    path,
    names: golden.names('weight.'),
    header: (name) => golden.entry(`weight.${name}`),
    readFloat32: async (name) => change(name, Float32Array.from(golden.values(`weight.${name}`))),
  }
}

/** Weights with what a case leaves out set to zero: parts of the model that it does not run. */
export function padded(source: WeightSource, model: Fvlm): WeightSource {
  const present = new Set(source.names)
  const shape = (name: string) => model.parameters.parameters.get(name)!.declaration.shape
  return {
    path: source.path,
    names: [...new Set([...source.names, ...model.parameters.parameters.keys()])],
    header: (name) => (present.has(name) ? source.header(name) : { shape: shape(name), dtype: 'F32' }),
    readFloat32: async (name) => (present.has(name) ? source.readFloat32(name) : new Float32Array(sizeOf(shape(name)))),
  }
}

/** The bound that a case states for a tensor: a part of its largest value. */
export function boundOf(row: GoldenRow, kind: 'output' | 'grad', want: ArrayLike<number>): number {
  const stated = row.tolerance?.[kind] as { suggested_max_abs_error_rel_to_tensor_peak?: number } | undefined
  const part = stated?.suggested_max_abs_error_rel_to_tensor_peak
  if (part === undefined) throw new Error(`the case states no bound for ${kind}`)
  return part * peak(want)
}

/** Compares one tensor of the file; integers and flags must be equal. */
export function checkTensor(row: GoldenRow, golden: GoldenFile, name: string, got: ArrayLike<number>): CheckResult {
  const want = golden.values(name)
  const exact = /^(I|U)/.test(golden.entry(name).dtype)
  return checkNumbers(name, got, want, exact ? 0 : boundOf(row, name.startsWith('grad.') ? 'grad' : 'output', want))
}

/** Results by name against `output.*`; an output without a result is a failure. */
export async function checkOutputs(
  row: GoldenRow,
  golden: GoldenFile,
  results: Readonly<Record<string, Tensor | ArrayLike<number>>>,
): Promise<CheckResult[]> {
  const checks: CheckResult[] = []
  for (const name of golden.names('output.')) {
    const result = results[name] ?? []
    checks.push(checkTensor(row, golden, `output.${name}`, 'device' in result ? await result.data() : result))
  }
  return checks
}

/** The gradients `grad.<prefix><name>` of a model's parameters. */
export async function checkGradients(
  row: GoldenRow,
  golden: GoldenFile,
  model: Fvlm,
  { prefix = '', scale = 1, gradients }: { prefix?: string; scale?: number; gradients?: Record<string, number[]> } = {},
): Promise<CheckResult[]> {
  const checks: CheckResult[] = []
  for (const name of golden.names(`grad.${prefix}`)) {
    const parameter = model.parameters.parameters.get(name)
    if (!parameter) continue
    const { grad } = parameter.value
    const own = grad
      ? await inCheckpointLayout(grad, parameter.declaration.axes)
      : new Float32Array(sizeOf(parameter.shape))
    const got = gradients ? gradients[name]! : Array.from(own, (value) => value * scale)
    checks.push(checkTensor(row, golden, `grad.${prefix}${name}`, got))
  }
  return checks
}

/** Vectors of all anatomies as `[N, anatomies, ...]`. */
export function organsTogether({
  pooled,
  projected,
  unit,
}: PooledOrgans): Record<'pooled' | 'projected' | 'unit', Tensor> {
  return { pooled, projected: stack(projected, 1), unit: stack(unit, 1) }
}

/** A golden volume `[N, 1, D, H, W]` as ours, on the tape if asked. */
export function volumeOf(device: Device, golden: GoldenFile, name: string): Tensor {
  return scope(() => permute(tensor(device, golden.values(name), golden.entry(name).shape), [0, 2, 3, 4, 1]))
}

export function integers(device: Device, golden: GoldenFile, name: string): Tensor {
  return tensor(device, Int32Array.from(golden.values(name)), golden.entry(name).shape)
}

/** A tokenizer that fills up to the length of the case, as its ids are stored. */
export function tokenizerOf(row: GoldenRow, dir: string): TextTokenizer & { readonly size: number } {
  const config = configOf(row)
  const { vocab_file, lower_case } = { lower_case: true, ...(config.model?.text ?? config) }
  const text = readFileSync(join(dir, vocab_file), 'utf8')
  const tokenizer = WordPieceTokenizer.fromVocabulary(text, { lowercase: lower_case })
  return {
    size: tokenizer.vocabulary.size,
    encodeBatch: (texts, { maxLength }) => tokenizer.encodeBatch(texts, { maxLength, padding: 'maxLength' }),
  }
}
