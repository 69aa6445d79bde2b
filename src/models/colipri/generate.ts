/** Writing reports with a {@link ReportDecoder}: greedily or with beams, each token once through the network. */
import { keep, noGrad, scope, type Tensor, tensor, ValueError } from '../../engine/index.js'
import { indexSelect } from '../../kernels/gather/index.js'
import { slice } from '../../kernels/layout/index.js'
import type { KeysValues, LayerMemory, ReportDecoder } from './report-decoder.js'

export interface GenerateOptions {
  readonly startId: number
  readonly endId: number
  /** Most tokens of a report, start and end included. Default: all positions of the decoder. */
  readonly maxTokens?: number | undefined
  /** Texts followed at a time. Default 1: greedy. */
  readonly beams?: number | undefined
  /** Finished texts are compared by their log-probability over length to this power. Default 1. */
  readonly lengthPenalty?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface GeneratedReport {
  /** Without start and end. */
  readonly ids: number[]
  /** Of all its tokens, the end included where it was reached. */
  readonly logProbability: number
  /** False where the text was cut at `maxTokens`. */
  readonly ended: boolean
}

/**
 * One report for each sample of projected image tokens `[N, S, features]`. One beam is greedy decoding. Keys and values
 * are cached, so that a step costs one token.
 */
export async function generateReports(
  decoder: ReportDecoder,
  image: Tensor,
  options: GenerateOptions,
): Promise<GeneratedReport[]> {
  const { beams = 1 } = options
  if (!Number.isInteger(beams) || beams < 1) throw new ValueError(`generateReports: ${beams} beams`)
  const reports: GeneratedReport[] = []
  for (let n = 0; n < image.shape[0]!; n++) {
    const own = noGrad(() => scope(() => slice(image, [[n, n + 1]])))
    reports.push(await searchBeams(decoder, own, { ...options, beams }))
    own.dispose()
  }
  return reports
}

/** A text that is not finished. */
interface Beam {
  readonly ids: readonly number[]
  readonly logProbability: number
}

async function searchBeams(
  decoder: ReportDecoder,
  image: Tensor,
  { startId, endId, beams, signal, ...rest }: GenerateOptions & { readonly beams: number },
): Promise<GeneratedReport> {
  const { maxTokens = decoder.options.positions, lengthPenalty = 1 } = rest
  const score = (logProbability: number, length: number): number => logProbability / length ** lengthPenalty
  const finished: GeneratedReport[] = []
  const cache = new Cache(decoder, image)
  try {
    let open: readonly Beam[] = [{ ids: [startId], logProbability: 0 }]
    while (finished.length < beams && open[0]!.ids.length < maxTokens) {
      signal?.throwIfAborted()
      const candidates = best(await cache.next(open), open, 2 * beams)
      const going: { readonly beam: Beam; readonly parent: number }[] = []
      for (const [rank, { parent, id, logProbability }] of candidates.entries()) {
        const ids = open[parent]!.ids
        // An end that is not among the best would finish texts that nobody would have followed.
        if (id !== endId) going.push({ beam: { ids: [...ids, id], logProbability }, parent })
        else if (rank < beams) finished.push({ ids: ids.slice(1), logProbability, ended: true })
      }
      const followed = going.slice(0, beams)
      cache.follow(followed.map(({ parent }) => parent))
      open = followed.map(({ beam }) => beam)
    }
    const cut = open.map(({ ids, logProbability }) => ({ ids: ids.slice(1), logProbability, ended: false }))
    const ranked = (finished.length > 0 ? finished : cut).map((report) => ({
      report,
      score: score(report.logProbability, Math.max(1, report.ids.length + Number(report.ended))),
    }))
    return ranked.reduce((first, other) => (other.score > first.score ? other : first)).report
  } finally {
    cache.dispose()
  }
}

interface Candidate {
  readonly parent: number
  readonly id: number
  readonly logProbability: number
}

/** The likeliest continuations of all beams together; of equal ones the earlier beam and the smaller id. */
function best(logits: ArrayLike<number>, open: readonly Beam[], count: number): Candidate[] {
  const vocabulary = logits.length / open.length
  const candidates = open.flatMap(({ logProbability }, parent): Candidate[] => {
    const row = Float64Array.from({ length: vocabulary }, (_, id) => logits[parent * vocabulary + id]!)
    const largest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
    const normalizer = largest + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0))
    const likeliest = Array.from(row, (logit, id) => ({ logit, id })).sort((a, b) => b.logit - a.logit || a.id - b.id)
    return likeliest.slice(0, count).map(({ logit, id }) => ({
      ...{ parent, id },
      logProbability: logProbability + logit - normalizer,
    }))
  })
  return candidates.sort((a, b) => b.logProbability - a.logProbability).slice(0, count)
}

/** Keys and values of the beams, which live across steps. */
class Cache {
  readonly #decoder: ReportDecoder
  #memory: LayerMemory[]
  #tokens = 0

  constructor(decoder: ReportDecoder, image: Tensor) {
    this.#decoder = decoder
    this.#memory = noGrad(() => scope(() => decoder.readImage(image)))
    for (const { image: own } of this.#memory) keepBoth(own)
  }

  /** Logits `[beams, vocabulary]` behind the last token of each beam. */
  async next(open: readonly Beam[]): Promise<ArrayLike<number>> {
    const decoder = this.#decoder
    const { logits, text } = noGrad(() =>
      scope(() => {
        const last = Int32Array.from(open, ({ ids }) => ids.at(-1)!)
        const { keys } = this.#memory[0]!.image
        return decoder.next(tensor(keys.device, last, [open.length, 1]), this.#memory, this.#tokens)
      }),
    )
    this.#tokens++
    for (const [i, own] of text.entries()) {
      disposeBoth(this.#memory[i]!.text)
      this.#memory[i] = { image: this.#memory[i]!.image, text: keepBoth(own) }
    }
    const values = await keep(logits).data()
    logits.dispose()
    return values
  }

  /** Goes on with these beams, by their number; the same one may go on several times. */
  follow(parents: readonly number[]): void {
    const current = this.#memory[0]!.text!.keys.shape[0]!
    if (parents.length === current && parents.every((parent, n) => parent === n)) return
    const rows = (x: Tensor): Tensor => indexSelect(x, tensor(x.device, Int32Array.from(parents)), { axis: 0 })
    const select = (own: KeysValues): KeysValues => {
      const chosen = noGrad(() => scope(() => ({ keys: rows(own.keys), values: rows(own.values) })))
      disposeBoth(own)
      return keepBoth(chosen)
    }
    this.#memory = this.#memory.map(({ image, text }) => ({ image: select(image), text: select(text!) }))
  }

  dispose(): void {
    for (const { image, text } of this.#memory) {
      disposeBoth(image)
      disposeBoth(text)
    }
  }
}

function keepBoth(own: KeysValues): KeysValues {
  keep(own.keys)
  keep(own.values)
  return own
}

function disposeBoth(own: KeysValues | undefined): void {
  own?.keys.dispose()
  own?.values.dispose()
}
