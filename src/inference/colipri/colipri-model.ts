/** COLIPRI as an application uses it: scans and sentences in, vectors, probabilities and maps out. */
import { availableParallelism } from 'node:os'
import { Loader, type LoaderError, type Volume, type WordPieceTokenizer } from '../../data/index.js'
import { type Device, type DType, NotSupportedError, ValueError } from '../../engine/index.js'
import {
  type Colipri,
  type ColipriConfig,
  type ColipriPreprocessingOptions,
  colipriPreprocessing,
} from '../../models/index.js'
import { type DenseImage, overScan, type PreparedGrid, patchSimilarities, preparedGrid } from '../dense-image.js'
import { hashPath } from '../file-hash.js'
import { type PreparedScan, type PrepareOptions, prepareScan, type ScanInput, scanName } from '../prepare-task.js'
import { type PromptStyle, promptPairs } from '../prompts.js'
import { type StageTimes, Stopwatch } from '../stages.js'
import { encodeInWindows, encodeTogether, type ImageFeatures, type WantedFeatures } from './image-runner.js'
import { type ClassScore, type FindingScore, scoreClasses, scoreFindings } from './scores.js'
import { type TextPooling, TextRunner } from './text-runner.js'

export interface CallOptions {
  /** Aborts between two steps of the work; what the device has begun it ends. */
  readonly signal?: AbortSignal | undefined
}

export interface EncodeImagesOptions extends CallOptions {
  /** Also the features of every patch. Default: none. */
  readonly dense?: WantedFeatures['dense']
  /** Scans in one pass. Default 1, which is all that a GPU needs at the published size. */
  readonly batchSize?: number | undefined
  /** Threads that prepare scans while the device works. Default: up to 2; 0 for a single scan. */
  readonly workers?: number | undefined
  /** Also take the SHA-256 of every file. Default false. */
  readonly hash?: boolean | undefined
  /** Called for a scan that cannot be read, which is then left out. Without it such a scan ends the iteration. */
  readonly onFailure?: ((failure: LoaderError) => void) | undefined
  /** Called when scans are done. */
  readonly onProgress?: ((progress: { readonly done: number; readonly total: number }) => void) | undefined
}

/** What became of one scan. */
export interface EncodedScan {
  /** Path of the scan, or its name. */
  readonly name: string
  /** Position in the list that was given. */
  readonly index: number
  /** Unit vector `[projection]`. */
  readonly embedding: Float32Array
  readonly dense?: DenseImage
  readonly prepared: PreparedGrid
  readonly sha256?: string | undefined
  /** Of `read`, `preprocess`, `hash` and `encode`; a pass over several scans is shared out evenly. */
  readonly timesMs: StageTimes
}

export interface ZeroShotOptions extends CallOptions {
  readonly findings: readonly string[]
  /** Default `short`. */
  readonly prompts?: PromptStyle | undefined
}

export interface ColipriParts {
  readonly model: Colipri
  readonly tokenizer: () => Promise<WordPieceTokenizer>
  readonly weightsPath: string
  readonly imageOnly: boolean
  /** Destroyed with the model. */
  readonly ownDevice: Device | undefined
  readonly preprocessing: ColipriPreprocessingOptions
  readonly textPooling: TextPooling
  readonly note: string | undefined
}

/** Use `loadModel('colipri')`. Research use only, not for diagnosis. */
export class ColipriModel {
  readonly name = 'colipri'
  /** The path of the weights. */
  readonly weightsPath: string
  /** What whoever reads the results must know, such as that the weights are random. */
  readonly note: string | undefined
  readonly #parts: ColipriParts
  readonly #text: TextRunner
  #weightsHash: Promise<string> | undefined

  constructor(parts: ColipriParts) {
    this.#parts = parts
    this.weightsPath = parts.weightsPath
    this.note = parts.note
    this.#text = new TextRunner(parts.model, parts.tokenizer)
  }

  get config(): ColipriConfig {
    return this.#parts.model.config
  }

  get device(): Device {
    return this.#parts.model.device
  }

  get dtype(): DType {
    return this.#parts.model.parameters.dtype
  }

  get preprocessing(): ColipriPreprocessingOptions {
    return this.#parts.preprocessing
  }

  get textPooling(): TextPooling {
    return this.#parts.textPooling
  }

  /** Numbers of an embedding. */
  get dimensions(): number {
    return this.config.projectionFeatures
  }

  /** What similarities are divided by before the softmax. */
  get softmaxTemperature(): number {
    return this.#parts.model.softmaxTemperature
  }

  /** SHA-256 of the weights. Read once. */
  weightsHash(): Promise<string> {
    this.#weightsHash ??= hashPath(this.weightsPath)
    return this.#weightsHash
  }

  /** Names what decides about image vectors: equal for two models whose embeddings can be compared. */
  async fingerprint(): Promise<string> {
    const { route = 'standard', antialias = false, integerParity = true } = this.#parts.preprocessing
    const how = [route, ...(antialias ? ['antialias'] : []), ...(integerParity ? [] : ['unrounded'])].join('+')
    return `${this.name}:${(await this.weightsHash()).slice(0, 16)}:${how}`
  }

  /** A scan to its unit vector `[projection]`. Throws a DataError for a scan that cannot be read. */
  async encodeImage(scan: ScanInput, options?: CallOptions & { readonly pool?: true }): Promise<Float32Array>
  /**
   * A scan to the features of its patches (24 x 24 x 24 as published): unit vectors in the space of the embeddings, or
   * with `project: false` the backbone's own, which are neither.
   */
  async encodeImage(
    scan: ScanInput,
    options: CallOptions & { readonly pool: false; readonly project?: boolean | undefined },
  ): Promise<DenseImage>
  async encodeImage(
    scan: ScanInput,
    options: CallOptions & { readonly pool?: boolean; readonly project?: boolean | undefined } = {},
  ): Promise<Float32Array | DenseImage> {
    const { pool = true, project = true, signal } = options
    if (pool && !project) throw new NotSupportedError('encodeImage: only projected features can be pooled')
    signal?.throwIfAborted()
    const { volume } = await prepareScan(scan, this.#prepareOptions(false))
    const wanted = pool ? { pooled: true } : ({ pooled: false, dense: project ? 'projected' : 'backbone' } as const)
    const [features] = await this.#encode([volume], { ...wanted, signal })
    return pool ? features!.pooled! : features!.dense!
  }

  /** Scans one after the other, the next ones being prepared in other threads while the device works. In order. */
  async *encodeImages(
    scans: Iterable<ScanInput>,
    options: EncodeImagesOptions = {},
  ): AsyncGenerator<EncodedScan, void, undefined> {
    const { dense, batchSize = 1, hash = false, onFailure, onProgress, signal } = options
    const items = [...scans]
    const workers = items.length > 1 ? Math.min(2, Math.max(1, availableParallelism() - 1)) : 0
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const loader = new Loader<ScanInput, PreparedScan>({
      ...{ items, batchSize, nameOf: scanName, onError: 'skip', workers: options.workers ?? workers },
      task: { module: new URL(`../prepare-task.${extension}`, import.meta.url), data: this.#prepareOptions(hash) },
      ...(signal && { signal }),
    })
    let done = 0
    for await (const batch of loader) {
      for (const failure of batch.failures) {
        if (!onFailure) throw failure
        onFailure(failure)
      }
      const volumes = batch.items.map(({ value }) => value.volume)
      const stopwatch = new Stopwatch()
      const features = await stopwatch.time('encode', () => this.#encode(volumes, { pooled: true, dense, signal }))
      done += batch.items.length + batch.failures.length
      onProgress?.({ done, total: items.length })
      for (const [n, { value, name, index }] of batch.items.entries()) {
        const { pooled, dense: own } = features[n]!
        const encode = stopwatch.timesMs.encode! / batch.items.length
        yield {
          ...{ name, index, embedding: pooled!, prepared: preparedGrid(value.volume), sha256: value.sha256 },
          ...(own && { dense: own }),
          timesMs: { ...value.timesMs, encode },
        }
      }
    }
  }

  /** Texts to unit vectors `[projection]`; longer ones than the tower has positions lose their end. */
  async encodeText(text: string, options?: CallOptions): Promise<Float32Array>
  async encodeText(texts: readonly string[], options?: CallOptions): Promise<Float32Array[]>
  async encodeText(
    given: string | readonly string[],
    { signal }: CallOptions = {},
  ): Promise<Float32Array | Float32Array[]> {
    if (this.#parts.imageOnly) {
      throw new NotSupportedError('encodeText: the model was loaded with imageOnly, which leaves its text tower out')
    }
    const texts = typeof given === 'string' ? [given] : given
    const vectors = await this.#text.encode(texts, this.#parts.textPooling, signal)
    return typeof given === 'string' ? vectors[0]! : vectors
  }

  /**
   * The probability of each finding: the softmax of the similarities with "X" and "No X" over the temperature. With the
   * published temperature of 1 probabilities stay between 0.12 and 0.88; what counts is their order from scan to scan.
   */
  async zeroShot(
    scan: ScanInput | Float32Array,
    { findings, prompts, signal }: ZeroShotOptions,
  ): Promise<FindingScore[]> {
    const pairs = promptPairs(findings, prompts)
    const positives = await this.encodeText(
      pairs.map((pair) => pair.positive),
      { signal },
    )
    const negatives = await this.encodeText(
      pairs.map((pair) => pair.negative),
      { signal },
    )
    return scoreFindings(await this.#vector(scan, signal), pairs, positives, negatives, this.softmaxTemperature)
  }

  /** The softmax over any prompts, as the published package's pipeline takes it; in the order of the prompts. */
  async classify(
    scan: ScanInput | Float32Array,
    labels: readonly string[],
    { signal }: CallOptions = {},
  ): Promise<ClassScore[]> {
    if (labels.length === 0) throw new ValueError('classify: there are no labels')
    const texts = await this.encodeText(labels, { signal })
    return scoreClasses(await this.#vector(scan, signal), labels, texts, this.softmaxTemperature)
  }

  /**
   * Where a scan looks like a text: cosines (-1 to 1) of its patches, interpolated over the grid of the scan, so that
   * `writeNifti` writes a file that lies on it. Voxels beyond what the network saw are `outside`, by default NaN. Several
   * texts give several maps for one pass of the scan.
   */
  async similarityMap(scan: ScanInput | DenseImage, text: string, options?: MapOptions): Promise<Volume>
  async similarityMap(scan: ScanInput | DenseImage, texts: readonly string[], options?: MapOptions): Promise<Volume[]>
  async similarityMap(
    scan: ScanInput | DenseImage,
    given: string | readonly string[],
    { outside, signal }: MapOptions = {},
  ): Promise<Volume | Volume[]> {
    const texts = await this.encodeText(typeof given === 'string' ? [given] : given, { signal })
    const dense = isDense(scan) ? scan : await this.encodeImage(scan, { pool: false, signal })
    const maps = texts.map((vector) => overScan(patchSimilarities(dense, vector), dense.prepared, outside))
    return typeof given === 'string' ? maps[0]! : maps
  }

  /** Frees the weights, and the device where the model opened it. */
  dispose(): void {
    this.#parts.model.dispose()
    this.#parts.ownDevice?.destroy()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  async #vector(scan: ScanInput | Float32Array, signal: AbortSignal | undefined): Promise<Float32Array> {
    return scan instanceof Float32Array ? scan : await this.encodeImage(scan, { signal })
  }

  #prepareOptions(hash: boolean): PrepareOptions {
    return { steps: colipriPreprocessing(this.config, this.#parts.preprocessing), hash }
  }

  async #encode(volumes: readonly Volume[], wanted: WantedFeatures): Promise<ImageFeatures[]> {
    const { model, preprocessing } = this.#parts
    if (volumes.length === 0) return []
    if (preprocessing.route !== 'evaluation') return await encodeTogether(model, volumes, wanted)
    const features: ImageFeatures[] = []
    for (const volume of volumes) features.push(await encodeInWindows(model, volume, wanted))
    return features
  }
}

export interface MapOptions extends CallOptions {
  readonly outside?: number | undefined
}

const isDense = (scan: ScanInput | DenseImage): scan is DenseImage => typeof scan === 'object' && 'prepared' in scan
