/** Retrieval scores as VELVET-Med evaluates them (reference §6.2), on the host. */
import { ValueError } from '../../engine/index.js'

export interface CandidateOptions {
  /** Candidates of each query that are looked at. Default 256. */
  readonly candidates?: number | undefined
  /** Score of all others. Default -100. */
  readonly excludedScore?: number | undefined
  /** Raw logits of belonging together, of the similarities' shape, added to the candidates' scores. */
  readonly matchScores?: ArrayLike<number> | undefined
}

/**
 * Scores of queries (rows) for a square gallery: the best candidates keep their cosine, with their matching score on top
 * where that is given, and all others get `excludedScore`. Of equal cosines the earlier one is the better.
 *
 * @param similarities `[N, N]`, row-major
 * @throws ValueError when the numbers do not make a square.
 */
export function candidateScores(similarities: ArrayLike<number>, options: CandidateOptions = {}): Float64Array {
  const { candidates = 256, excludedScore = -100, matchScores } = options
  const n = Math.sqrt(similarities.length)
  if (!Number.isInteger(n) || (matchScores && matchScores.length !== similarities.length)) {
    throw new ValueError(
      `candidateScores: ${similarities.length} similarities and ${matchScores?.length ?? 'no'} matching scores do not fit`,
    )
  }
  const scores = new Float64Array(n * n).fill(excludedScore)
  for (let query = 0; query < n; query++) {
    const order = Array.from({ length: n }, (_, item) => item).sort(
      (a, b) => similarities[query * n + b]! - similarities[query * n + a]! || a - b,
    )
    for (const item of order.slice(0, candidates)) {
      const place = query * n + item
      scores[place] = similarities[place]! + (matchScores?.[place] ?? 0)
    }
  }
  return scores
}

/** A square matrix with its axes exchanged: texts by images for images by texts. */
export function exchanged(matrix: ArrayLike<number>): Float64Array {
  const n = Math.sqrt(matrix.length)
  return Float64Array.from({ length: matrix.length }, (_, i) => matrix[(i % n) * n + Math.floor(i / n)]!)
}

/** What upstream gives its text tower for a question of open VQA. */
export interface QuestionOptions {
  /**
   * Upstream passes the raw string where a list of sentences belongs, so that every character becomes a sentence. True
   * reproduces that, for published numbers that were made with it. Default false.
   */
  readonly charQuestion?: boolean | undefined
}

/** A question as the list of sentences that `reportTokens` takes. */
export function questionSentences(question: string, { charQuestion = false }: QuestionOptions = {}): string[] {
  return charQuestion ? [...question] : [question]
}
