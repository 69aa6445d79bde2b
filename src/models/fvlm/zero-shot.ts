/** Probabilities of findings from prompts, each judged by the embedding of its own anatomy. */
import { ShapeError, tensor, ValueError } from '../../engine/index.js'
import { embedOrgans, type OrganEmbedding, type PreparedScan, unitLength } from './embed-organs.js'
import { fvlmFindings, promptPair, type ZeroShotFinding } from './findings.js'
import type { Fvlm } from './fvlm.js'

/** What turns texts into ids: `WordPieceTokenizer` of the data layer, or anything alike. */
export interface TextTokenizer {
  encodeBatch(
    texts: readonly string[],
    options: { readonly maxLength: number },
  ): { readonly shape: readonly [number, number]; readonly ids: Int32Array; readonly mask: Int32Array }
}

/**
 * `softmax([image . negative, image . positive] / temperature)[1]`, of unit vectors.
 */
export function zeroShotProbability(
  image: ArrayLike<number>,
  negative: ArrayLike<number>,
  positive: ArrayLike<number>,
  temperature: number,
): number {
  if (image.length !== negative.length || image.length !== positive.length) {
    throw new ShapeError(`fvlm: vectors of ${image.length}, ${negative.length} and ${positive.length} numbers`)
  }
  if (!(temperature > 0)) throw new ValueError(`fvlm: the temperature must be positive, got ${temperature}`)
  let difference = 0
  for (let i = 0; i < image.length; i++) difference += image[i]! * (negative[i]! - positive[i]!)
  return 1 / (1 + Math.exp(difference / temperature))
}

/** Texts to unit vectors, on the host. */
export async function embedTexts(
  model: Fvlm,
  tokenizer: TextTokenizer,
  texts: readonly string[],
): Promise<Float32Array[]> {
  const { shape, ids, mask } = tokenizer.encodeBatch(texts, { maxLength: model.config.text.length })
  const [idTensor, maskTensor] = [tensor(model.device, ids, shape), tensor(model.device, mask, shape)]
  const unit = model.embedText(idTensor, maskTensor)
  const values = Float32Array.from(await unit.data())
  for (const made of [unit, idTensor, maskTensor]) made.dispose()
  const { projectionFeatures: length } = model.config
  return texts.map((_, i) => unitLength(values.subarray(i * length, (i + 1) * length)))
}

/** Prompt vectors of findings: embedded once, used for any number of scans. */
export class FindingPrompts {
  readonly findings: readonly ZeroShotFinding[]
  readonly #vectors: readonly Float32Array[]

  private constructor(findings: readonly ZeroShotFinding[], vectors: readonly Float32Array[]) {
    this.findings = findings
    this.#vectors = vectors
  }

  /** Throws a {@link ValueError} for findings of anatomies that the model does not know. */
  static async embed(
    model: Fvlm,
    tokenizer: TextTokenizer,
    findings: readonly ZeroShotFinding[] = fvlmFindings,
  ): Promise<FindingPrompts> {
    const { anatomies } = model.config
    const strange = findings.find(({ anatomy }) => !anatomies.includes(anatomy))
    if (strange) {
      throw new ValueError(
        `fvlm: '${strange.label}' is a finding of '${strange.anatomy}', the model knows ${anatomies.join(', ')}`,
      )
    }
    return new FindingPrompts(findings, await embedTexts(model, tokenizer, findings.flatMap(promptPair)))
  }

  /** The negative and the positive vector of the n-th finding. */
  pair(index: number): readonly [negative: Float32Array, positive: Float32Array] {
    return [this.#vectors[2 * index]!, this.#vectors[2 * index + 1]!]
  }
}

export interface FindingProbability extends ZeroShotFinding {
  /** Undefined where the mask does not show the anatomy. */
  readonly probability: number | undefined
}

export interface ZeroShotResult {
  /** In the order of the prompts. */
  readonly findings: readonly FindingProbability[]
  readonly organs: readonly OrganEmbedding[]
  /** Labels of the findings without a probability. */
  readonly missing: readonly string[]
  readonly absentAnatomies: readonly string[]
  /** How often the image tower ran. */
  readonly passes: number
}

/** Scores every finding of a prepared scan. Findings of absent anatomies are reported as missing, never guessed. */
export async function zeroShot(model: Fvlm, scan: PreparedScan, prompts: FindingPrompts): Promise<ZeroShotResult> {
  const { organs, absent, passes } = await embedOrgans(model, scan)
  const temperature = await model.temperature.value.item()
  const vectors = new Map(organs.map(({ anatomy, embedding }) => [anatomy, embedding]))
  const findings = prompts.findings.map((finding, i): FindingProbability => {
    const image = vectors.get(finding.anatomy)
    return { ...finding, probability: image && zeroShotProbability(image, ...prompts.pair(i), temperature) }
  })
  return {
    findings,
    organs,
    missing: findings.filter(({ probability }) => probability === undefined).map(({ label }) => label),
    absentAnatomies: absent,
    passes,
  }
}
