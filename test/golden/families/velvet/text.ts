/** TriBERT, its masks, tokens and levels. */

import { splitUpstreamSentences, Vocabulary, WordPieceTokenizer } from '../../../../src/data/index.js'
import type { Tensor } from '../../../../src/engine/index.js'
import { add } from '../../../../src/kernels/elementwise/index.js'
import { crossEntropy } from '../../../../src/kernels/losses/index.js'
import { loadWeights, ParameterScope } from '../../../../src/models/index.js'
import type { TriBertConfig } from '../../../../src/models/velvet/config.js'
import { MaskedTokenHead } from '../../../../src/models/velvet/heads.js'
import { sentenceMask } from '../../../../src/models/velvet/sentence-mask.js'
import { levelVectors, poolLevel, reportVector, textLevels } from '../../../../src/models/velvet/text-levels.js'
import { maskTokens, reportTokens } from '../../../../src/models/velvet/text-tokens.js'
import { type TextRows, TriBert } from '../../../../src/models/velvet/tribert.js'
import { checkEqual } from '../../checks.js'
import { type Config, numbers, type VelvetCase } from './common.js'

export function triBertConfig(config: Config): TriBertConfig {
  return {
    vocabulary: config.vocab,
    features: config.hidden,
    hiddenFeatures: config.ffn,
    textLayers: config.text_layers,
    fusionLayers: config.fusion_layers,
    heads: config.heads,
    positions: config.max_positions,
    tokenTypes: config.type_vocab,
    // Cases that give no ids of their own still say whether sentences are modelled.
    firstSentenceId: config.sentence_modeling ? (config.first_sentence_id ?? config.vocab) : undefined,
  }
}

export function textRows(golden: VelvetCase, ids = 'ids'): TextRows {
  return {
    shape: golden.shape('input.ids') as [number, number],
    ids: golden.values(`input.${ids}`),
    types: golden.values('input.types'),
    attention: golden.values('input.attention'),
  }
}

export async function runTriBert(golden: VelvetCase): Promise<void> {
  const { config } = golden
  const parameters = new ParameterScope(golden.device)
  const model = new TriBert(parameters, triBertConfig(config))
  await loadWeights(parameters, golden.weights(config.key_prefix))
  const rows = textRows(golden)
  const inputs = { vision: golden.tensor('input.vision'), states: golden.tensor('input.states') }
  for (const input of Object.values(inputs)) input.setRequiresGrad()
  const mask = model.mask(rows)
  const runs: Record<string, () => Tensor[]> = {
    text: () => model.text(rows),
    match: () => model.match(inputs.states, mask, inputs.vision),
    fusion: () => model.fusion({ ...rows, ids: golden.values('input.masked_ids') }, inputs.vision),
  }
  const results: Record<string, Tensor | ArrayLike<number>> = {
    blocked: (await numbers(mask)).map((value) => Number(value !== 0)),
  }
  for (const [run, forward] of Object.entries(runs)) {
    const states = forward()
    results[run] = states.at(-1)!
    for (const [i, state] of states.entries()) results[`${run}.hidden${i}`] = state
    await golden.checkGradients(() => golden.weighted({ [run]: forward().at(-1)! }), {
      parameters,
      prefix: config.key_prefix,
      run: `${run}.`,
      inputs: { vision: { value: inputs.vision }, states: { value: inputs.states } },
    })
  }
  await golden.checkOutputs(results)
  for (const parameter of parameters.parameters.values()) parameter.dispose()
}

export async function runSentenceMask(golden: VelvetCase): Promise<void> {
  const results: Record<string, ArrayLike<number>> = {}
  for (const name of golden.config.cases) {
    const types = golden.values(`input.types.${name}`)
    const stored = `input.attention.${name}`
    const attention = golden.golden.has(stored) ? golden.values(stored) : types.map((type) => Number(type > 0))
    results[`allowed.${name}`] = sentenceMask({ shape: [1, types.length], types, attention })
  }
  await golden.checkOutputs(results)
}

export async function runTextLevels(golden: VelvetCase): Promise<void> {
  const { config } = golden
  const continuation = golden.values('input.continuation')
  const levels = textLevels(textRows(golden), {
    startId: config.special_ids?.cls ?? 2,
    firstSentenceId: config.first_sentence_id,
    isContinuation: (id) => continuation[id] === 1,
  })
  const results: Record<string, Tensor | ArrayLike<number>> = {}
  for (const [level, { counts }] of Object.entries(levels)) results[`counts.${level}`] = counts
  const hidden = Array.from({ length: config.text_layers + 1 }, (_, i) => golden.tensor(`input.hidden${i}`))
  for (const last of config.last_n_layers) {
    const states = hidden.slice(-last).reduce((sum, layer) => add(sum, layer))
    results[`last${last}.merged`] = await paddedRows(poolLevel(states, levels.merged), states.shape)
    results[`last${last}.report`] = reportVector(states)
    results[`last${last}.sentence`] = levelVectors(states, levels.sentence)
    results[`last${last}.word`] = levelVectors(states, levels.word)
  }
  await golden.checkOutputs(results)
}

/** Rows filled up with zeros to the golden shape. */
export async function paddedRows(x: Tensor, [n, t, features]: readonly number[]): Promise<Float32Array> {
  const values = await x.data()
  const [, rows] = x.shape as [number, number, number]
  const result = new Float32Array(n! * t! * features!)
  for (let text = 0; text < n!; text++) {
    const own = Array.from(values).slice(text * rows * features!, (text + 1) * rows * features!)
    result.set(own, text * t! * features!)
  }
  return result
}

interface StoredReport {
  readonly text: string
  readonly sentences: readonly string[]
  readonly kept?: readonly number[]
  readonly row?: number
}

export async function runTextTokens(golden: VelvetCase): Promise<void> {
  const { config, data } = golden
  const vocabulary = new Vocabulary(data.vocab)
  const count = config.vocab_with_sentences - data.vocab.length
  const addedTokens = Array.from({ length: count }, (_, i) => `[SEN_${i + 1}]`)
  const tokenizer = new WordPieceTokenizer(vocabulary, { lowercase: config.lower_case, addedTokens })
  const reports: StoredReport[] = data.reports
  const split = (text: string): string[] => splitUpstreamSentences(text, config.header_words)
  for (const { text, sentences } of reports) golden.checks.push(checkEqual('sentences', split(text), sentences))
  // A report of which no sentence is left has no row: the reference stops there.
  const rowed = reports.filter(({ row }) => row !== undefined).sort((a, b) => a.row! - b.row!)
  const sentences = rowed.map(({ text }) => split(text))
  // The stored draw chooses the sentences.
  const kept = rowed.map((report, i) => report.kept!.map((index) => sentences[i]![index]!))
  const options = { maxTokens: config.max_report_tokens, maxSentenceTokens: config.max_sentence_tokens }
  const firstSentenceId = data.vocab.length
  const rows = reportTokens(kept, tokenizer, { ...options, firstSentenceId, maxSentences: config.max_sentences })
  const plain = reportTokens(sentences, tokenizer, options)
  const masked = maskTokens(rows.ids, maskingDraws(golden), {
    special: tokenizer.special,
    firstSentenceId,
    probability: config.mlm_probability,
  })
  await golden.checkOutputs({
    ids: rows.ids,
    types: rows.types,
    attention: rows.attention,
    masked_ids: masked.ids,
    labels: masked.labels,
    'plain.ids': plain.ids,
    'plain.types': plain.types,
    'plain.attention': plain.attention,
  })
}

export function maskingDraws(golden: VelvetCase, run = '') {
  const values = (name: string): Float64Array => golden.values(`input.${run}${name}`)
  return {
    select: values('u_select'),
    mask: values('u_mask'),
    random: values('u_random'),
    words: values('random_words'),
  }
}

export async function runMaskedTokens(golden: VelvetCase): Promise<void> {
  const { hidden, vocab, ignore_label: ignoreIndex } = golden.config
  const key = golden.golden.names('weight.').find((name) => name.endsWith('output.weight'))!
  const prefix = key.slice(0, -'output.weight'.length)
  const parameters = new ParameterScope(golden.device)
  const head = new MaskedTokenHead(parameters, hidden, vocab)
  await loadWeights(parameters, golden.weights(prefix))
  const states = golden.tensor('input.states').setRequiresGrad()
  const labels = golden.tensor('input.labels', { dtype: 'i32' })
  const loss = (): Tensor => crossEntropy(head.apply(states), labels, { ignoreIndex })
  await golden.checkOutputs({ logits: head.apply(states), loss: loss() })
  await golden.checkGradients(loss, { parameters, prefix, inputs: { states: { value: states } } })
  for (const parameter of parameters.parameters.values()) parameter.dispose()
}
