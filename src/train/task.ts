/** What is trained: the contract between a recipe, which makes a task, and the trainer, which runs it. */
import type { TaskModule } from '../data/loader/index.js'
import type { Device, Generator, Tensor } from '../engine/index.js'
import type { Parameter } from '../models/index.js'
import type { Collective } from './parallel/collective.js'

/** Where training is. */
export interface StepContext {
  /** Optimizer steps done before this one. */
  readonly step: number
  /** Passes over the training items done before this one. */
  readonly epoch: number
  /** 32 bits that no other step, micro-batch or rank has; the same when the same part of a step is computed again. */
  readonly seed: number
  /** 32 bits of the step, the same for all its micro-batches and ranks. */
  readonly stepSeed: number
  /**
   * Which of the step's samples, those of all ranks in their order, is the first one here. What is drawn for a sample by
   * `stepSeed` and its place does not depend on how a batch is cut up.
   */
  readonly firstSample: number
  /** A stream of `seed`, new for every call: for dropout by `dropAtRandom(context.generator, rate)`. */
  readonly generator: Generator
  readonly collective: Collective
  readonly signal?: AbortSignal | undefined
}

/** What a forward pass came to. Tensors are scalars. */
export interface TaskLoss {
  readonly loss: Tensor
  /** To be logged, by name; averaged over the micro-batches of a step. */
  readonly metrics?: Readonly<Record<string, Tensor>> | undefined
}

/**
 * Tensors by name, whose first axis is the samples of a batch. Tensors without a gradient (masks, codes of labels) travel
 * along, as f32.
 */
export type Embeddings = Readonly<Record<string, Tensor>>

export interface ObjectiveContext extends StepContext {
  /** Which rows are this rank's own. All of them where there is one rank. */
  readonly ownRows: { readonly start: number; readonly count: number }
  /** Values of the embeddings that the objective names in `onHost`. */
  readonly values: Readonly<Record<string, Float32Array>>
}

/** A loss that compares the samples of a batch with each other. */
export interface ContrastiveObjective<Batch> {
  /** Embeddings whose values the objective needs on the host: flags, codes of labels. Default none. */
  readonly onHost?: readonly string[] | undefined
  /** Records the forward pass of the samples of one chunk. */
  embed(batch: Batch, context: StepContext): Embeddings
  /**
   * The loss from the embeddings of the whole batch: of all chunks, and of all ranks in their order. With several ranks
   * it is the mean over this rank's own rows, so that the mean over the ranks is the loss of the whole batch; gradients of
   * the other ranks' rows find their way back to them.
   */
  objective(all: Embeddings, context: ObjectiveContext): TaskLoss
  /** Present where the loss has further terms, which compare no samples. */
  readonly rest?: RestOfObjective<Batch> | undefined
}

/**
 * Terms beside a contrastive one, each a mean over samples, tokens, pairs: `loss(batch)` equals the objective's loss plus
 * that of `embed(batch, context, shares)` with all shares 1.
 */
export interface RestOfObjective<Batch> {
  /** How many things each term is a mean over, by name. */
  counts(batch: Batch): Readonly<Record<string, number>>
  /** The embeddings of a chunk and its terms from one forward pass; each term is to be multiplied by its share. */
  embed(batch: Batch, context: StepContext, shares: Readonly<Record<string, number>>): EmbeddingsAndRest
}

export interface EmbeddingsAndRest {
  readonly embeddings: Embeddings
  readonly rest: TaskLoss
}

export interface EvaluationContext {
  /** Optimizer steps done. */
  readonly step: number
  /** Items to load at a time. */
  readonly batchSize: number
  /** Worker threads for the loader; 0 loads in this thread. */
  readonly workers: number
  readonly signal?: AbortSignal | undefined
}

export type HeldOutSplit = 'validation' | 'test'

/** What is learned: a model, its data and its objective. A recipe makes one from its sections of the configuration. */
export interface TrainingTask<Item = unknown, Sample = unknown, Batch = unknown> {
  readonly name: string
  readonly device: Device
  /**
   * Parameters and buffers by their names in the weights file; globs for freezing and groups match these. Their dtype is
   * the one that the recipe was told to build with: the trainer keeps f32 copies of f16 ones.
   */
  readonly parameters: ReadonlyMap<string, Parameter>
  /** Goes into the metadata of weights files, so that the file alone tells what model it is. */
  readonly metadata: Readonly<Record<string, string>>
  /** What a Loader needs: the items, and the module that loads one of them in a worker. */
  readonly training: {
    readonly items: readonly Item[]
    readonly task: TaskModule
    /** Names an item in errors. */
    nameOf?(item: Item, index: number): string
  }
  /**
   * Samples to tensors on the device, which the trainer disposes with everything else of the step. Draws (augmentation,
   * masking, negatives) take their key from the context, never from Math.random.
   */
  collate(samples: readonly Sample[], context: StepContext): Batch
  /** Records the forward pass. Called in a scope with the tape on; the loss is a mean over the samples of the batch. */
  loss(batch: Batch, context: StepContext): TaskLoss
  /**
   * Present where the loss compares samples with each other, so that it can be embedded in chunks (gradient caching) and
   * over ranks: `loss(batch)` equals `objective(embed(batch))`.
   */
  readonly contrast?: ContrastiveObjective<Batch> | undefined
  /** Scores by name, such as `macroAuroc`, on a held-out split. The tape is off for what it records in `noGrad`. */
  evaluate?(split: HeldOutSplit, context: EvaluationContext): Promise<Readonly<Record<string, number>>>
  /** Frees the model. The device stays the caller's. */
  dispose(): void
}
