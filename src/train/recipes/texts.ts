/** From reports to tensors of ids. */
import { RandomStream, type Report, splitSentences, type WordPieceTokenizer } from '../../data/index.js'
import { type Device, type Tensor, tensor, ValueError } from '../../engine/index.js'
import type { TextTensors } from '../../models/index.js'
import type { StepContext } from '../task.js'

/** Streams of a step's seed, so that each purpose draws by itself. */
export const streams = { sentences: 1, opposites: 2, crop: 3 } as const

/** A random stream for one sample of a chunk: the same however the step's batch is cut into chunks and over ranks. */
export const sampleStream = (
  { stepSeed, firstSample }: Pick<StepContext, 'stepSeed' | 'firstSample'>,
  stream: keyof typeof streams,
  sample: number,
): RandomStream => new RandomStream(stepSeed, streams[stream] * 2 ** 20 + firstSample + sample)

/** The sentences of a report's findings and impression; of everything where it has neither. */
export function reportSentences({ findings, impression, text }: Report): string[] {
  const parts = [findings, impression].filter((part) => part !== undefined)
  return (parts.length > 0 ? parts : [text]).flatMap((part) => splitSentences(part, 'clinical'))
}

/**
 * A report's text as training sees it: sentences in another order, and with probability `shortening` only some of them,
 * any number from one to all. The first version of the paper names both, their extent is ours.
 */
export function shuffledReport(sentences: readonly string[], random: RandomStream, shortening: number): string {
  const rest = [...sentences]
  for (let n = 0; n < rest.length; n++) {
    const other = Math.floor(random.uniform(n, rest.length))
    ;[rest[n], rest[other]] = [rest[other]!, rest[n]!]
  }
  const count = random.uniform() < shortening ? 1 + Math.floor(random.uniform(0, rest.length)) : rest.length
  return rest.slice(0, count).join(' ')
}

/** Ids and mask `[texts, tokens]`, filled up to the longest; longer texts than `maxLength` lose their end. */
export function encodeTexts(
  device: Device,
  tokenizer: WordPieceTokenizer,
  texts: readonly string[],
  maxLength: number,
): TextTensors {
  const { ids, mask, shape } = tokenizer.encodeBatch(texts, { maxLength })
  return { ids: tensor(device, ids, shape), mask: tensor(device, Uint32Array.from(mask), shape) }
}

/** Ids `[N, T]` of reports and what is to follow each `[N, T - 1]`, -100 for padding; `tokens` of them are not. */
export interface ReportTensors {
  readonly ids: Tensor
  readonly targets: Tensor
  readonly tokens: number
}

/** The same, with what a decoder is to write: the ids from the second on, -100 for padding. */
export function encodeReports(
  device: Device,
  tokenizer: WordPieceTokenizer,
  texts: readonly string[],
  maxLength: number,
): ReportTensors {
  const { ids, mask, shape } = tokenizer.encodeBatch(texts, { maxLength })
  const [count, length] = shape
  const targets = new Int32Array(count * (length - 1)).fill(-100)
  let tokens = 0
  for (let row = 0; row < count; row++) {
    for (let t = 1; t < length; t++) {
      if (!mask[row * length + t]) continue
      targets[row * (length - 1) + t - 1] = ids[row * length + t]!
      tokens++
    }
  }
  return { ids: tensor(device, ids, shape), targets: tensor(device, targets, [count, length - 1]), tokens }
}

/** Throws a {@link ValueError} when a text tower has not an embedding for every token. */
export function checkVocabulary(tokenizer: WordPieceTokenizer, vocabulary: number): void {
  const { size } = tokenizer.vocabulary
  if (size > vocabulary) {
    throw new ValueError(`model.text.vocabulary is ${vocabulary}, the tokenizer has ${size} tokens: raise it`)
  }
}
