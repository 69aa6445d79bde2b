/** fVLM as an application uses it: scans with masks of their organs in, vectors and probabilities by organ out. */
import { availableParallelism } from 'node:os'
import {
  DataError,
  fvlmPreprocessing,
  Loader,
  type LoaderError,
  type PrepareFvlmOptions,
  type WordPieceTokenizer,
} from '../../data/index.js'
import type { Device, DType } from '../../engine/index.js'
import {
  embedOrgans,
  FindingPrompts,
  type Fvlm,
  type FvlmConfig,
  fvlmFindings,
  type OrganEmbeddings,
  trainingCrop,
  type ZeroShotFinding,
  type ZeroShotResult,
  zeroShot,
} from '../../models/index.js'
import { hashPath } from '../file-hash.js'
import { type ScanInput, scanName } from '../prepare-task.js'
import { type StageTimes, Stopwatch } from '../stages.js'
import {
  type FileHash,
  type FvlmScanOptions,
  type MaskedScan,
  type PreparedMasked,
  type PrepareMaskedOptions,
  prepareMasked,
} from './prepare-scan.js'

export type { FvlmScanOptions, MaskedScan } from './prepare-scan.js'

export interface FvlmZeroShotOptions {
  /** Default: the 16 of the published evaluation. */
  readonly findings?: readonly ZeroShotFinding[] | undefined
}

export interface ScoreScansOptions extends FvlmZeroShotOptions {
  /** Threads that prepare scans while the device works. Default: up to 2; 0 for a single scan. */
  readonly workers?: number | undefined
  /** Also take the SHA-256 of every file. Default false. */
  readonly hash?: boolean | undefined
  /** Called for a scan that cannot be used, which is then left out. Without it such a scan ends the iteration. */
  readonly onFailure?: ((failure: LoaderError) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** What became of one scan. */
export interface ScoredOrgans extends ZeroShotResult {
  /** Path of the scan, or its name. */
  readonly name: string
  /** Position in the list that was given. */
  readonly index: number
  readonly sha256?: string | undefined
  readonly mask?: FileHash | undefined
  /** Of `read`, `preprocess`, `hash` and `encode`. */
  readonly timesMs: StageTimes
}

export interface FvlmParts {
  readonly model: Fvlm
  readonly tokenizer: () => Promise<WordPieceTokenizer>
  readonly weightsPath: string
  /** Destroyed with the model. */
  readonly ownDevice: Device | undefined
  readonly preprocessing: FvlmScanOptions
  readonly note: string | undefined
}

/** Use `loadModel('fvlm', { weights: 'model.pth' })`. Research use only, not for diagnosis. */
export class FvlmModel {
  readonly name = 'fvlm'
  /** The path of the weights. */
  readonly weightsPath: string
  /** What whoever reads the results must know, such as that the weights are random. */
  readonly note: string | undefined
  readonly #parts: FvlmParts
  readonly #prompts = new Map<string, Promise<FindingPrompts>>()
  #tokenizer: Promise<WordPieceTokenizer> | undefined
  #weightsHash: Promise<string> | undefined

  constructor(parts: FvlmParts) {
    this.#parts = parts
    this.weightsPath = parts.weightsPath
    this.note = parts.note
  }

  get config(): FvlmConfig {
    return this.#parts.model.config
  }

  get device(): Device {
    return this.#parts.model.device
  }

  get dtype(): DType {
    return this.#parts.model.parameters.dtype
  }

  get preprocessing(): FvlmScanOptions {
    return this.#parts.preprocessing
  }

  /** SHA-256 of the weights. Read once. */
  weightsHash(): Promise<string> {
    this.#weightsHash ??= hashPath(this.weightsPath)
    return this.#weightsHash
  }

  /** Names what decides about organ vectors: equal for two models whose embeddings can be compared. */
  async fingerprint(): Promise<string> {
    return `${this.name}:${(await this.weightsHash()).slice(0, 16)}:${this.preprocessing.frame ?? 'LPS'}`
  }

  /**
   * A unit vector for each organ that the mask shows. Throws a DataError for a scan or mask that cannot be read or used,
   * and where there is no mask.
   */
  async embedOrgans(scan: ScanInput, mask: ScanInput | undefined): Promise<OrganEmbeddings> {
    const { prepared } = await prepareMasked({ scan, mask }, this.#prepareOptions(false))
    return await embedOrgans(this.#parts.model, prepared)
  }

  /**
   * The probability of each finding, of `X.` against `Not X.`, by the vector of its organ. Findings of organs that the mask
   * does not show have none and stand in `missing`. Errors are those of {@link embedOrgans}.
   */
  async zeroShot(
    scan: ScanInput,
    mask: ScanInput | undefined,
    { findings }: FvlmZeroShotOptions = {},
  ): Promise<ZeroShotResult> {
    const { prepared } = await prepareMasked({ scan, mask }, this.#prepareOptions(false))
    return await zeroShot(this.#parts.model, prepared, await this.prompts(findings))
  }

  /** Scores scans one after the other, the next ones being prepared in other threads while the device works. In order. */
  async *scoreScans(
    scans: Iterable<MaskedScan>,
    { findings, hash = false, onFailure, signal, ...options }: ScoreScansOptions = {},
  ): AsyncGenerator<ScoredOrgans, void, undefined> {
    const items = [...scans]
    const prompts = await this.prompts(findings)
    const workers = items.length > 1 ? Math.min(2, Math.max(1, availableParallelism() - 1)) : 0
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const loader = new Loader<MaskedScan, PreparedMasked>({
      ...{ items, batchSize: 1, prefetch: 1, nameOf: ({ scan }) => scanName(scan), onError: 'skip' },
      workers: options.workers ?? workers,
      task: { module: new URL(`./prepare-scan.${extension}`, import.meta.url), data: this.#prepareOptions(hash) },
      ...(signal && { signal }),
    })
    for await (const { items: loaded, failures } of loader) {
      for (const failure of failures) {
        if (!onFailure) throw failure
        onFailure(failure)
      }
      for (const { value, name, index } of loaded) {
        const stopwatch = new Stopwatch()
        const result = await stopwatch.time('encode', () => zeroShot(this.#parts.model, value.prepared, prompts))
        const { sha256, mask, timesMs } = value
        yield { ...result, name, index, sha256, mask, timesMs: { ...timesMs, ...stopwatch.timesMs } }
      }
    }
  }

  /** Embeds the prompts of findings, once. Throws a ValueError for findings of anatomies that the model does not know. */
  prompts(findings: readonly ZeroShotFinding[] = fvlmFindings): Promise<FindingPrompts> {
    const key = JSON.stringify(findings)
    const known = this.#prompts.get(key)
    if (known) return known
    const made = this.#embedPrompts(findings)
    this.#prompts.set(key, made)
    // What failed, such as a download, is tried again the next time.
    made.catch(() => this.#prompts.delete(key))
    return made
  }

  /** Frees the weights, and the device where the model opened it. */
  dispose(): void {
    this.#parts.model.dispose()
    this.#parts.ownDevice?.destroy()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  async #embedPrompts(findings: readonly ZeroShotFinding[]): Promise<FindingPrompts> {
    this.#tokenizer ??= this.#parts.tokenizer()
    const tokenizer = await this.#tokenizer.catch((error: unknown) => {
      this.#tokenizer = undefined
      throw error
    })
    const { vocabulary } = this.config.text
    if (tokenizer.vocabulary.size > vocabulary) {
      throw new DataError(`the vocabulary has ${tokenizer.vocabulary.size} entries, the text tower ${vocabulary}`, {
        remedy: 'Give the vocab.txt that the weights were trained with',
      })
    }
    return await FindingPrompts.embed(this.#parts.model, tokenizer, findings)
  }

  #prepareOptions(hash: boolean): PrepareMaskedOptions {
    const { anatomies } = this.config
    const preprocessing = this.config.preprocessing ?? {
      ...fvlmPreprocessing,
      leastExtents: trainingCrop(this.config),
    }
    const prepare: PrepareFvlmOptions = { ...this.preprocessing, anatomies, preprocessing }
    return { prepare, hash }
  }
}
