/** The sections `train` and `output` of a configuration. */
import { z } from 'zod'

const count = z.int().min(1)
const rate = z.number().min(0)
const fraction = z.number().min(0).max(1)

export const optimizerSchema = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('adamw'),
    lr: rate.default(1e-3),
    betas: z.tuple([fraction, fraction]).default([0.9, 0.999]),
    eps: rate.default(1e-8),
    weightDecay: rate.default(0.01),
  }),
  z.strictObject({
    name: z.literal('sgd'),
    lr: rate.default(1e-2),
    momentum: fraction.default(0.9),
    dampening: fraction.default(0),
    nesterov: z.boolean().default(false),
    weightDecay: rate.default(0),
  }),
])

/** Rates rise linearly from 0 over `warmup` steps to the optimizer's `lr`, whatever follows. */
export const scheduleSchema = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('constant'), warmup: z.int().min(0).default(0) }),
  z.strictObject({ name: z.literal('cosine'), warmup: z.int().min(0).default(0), min: rate.default(0) }),
  z.strictObject({ name: z.literal('poly'), warmup: z.int().min(0).default(0), exponent: rate.default(0.9) }),
  z.strictObject({
    name: z.literal('epochCosine'),
    warmup: count.default(1),
    warmupStart: rate.default(0),
    min: rate.default(0),
  }),
])

const groupSchema = z.strictObject({
  match: z.array(z.string()).min(1),
  lrScale: rate.optional(),
  weightDecay: rate.optional(),
})

export const trainSchema = z
  .strictObject({
    /** Optimizer steps; else `epochs`. */
    steps: count.optional(),
    /** Passes over the training items. */
    epochs: count.optional(),
    seed: z.int().min(0).max(0xffffffff).default(0),
    /** Samples of a step, of each process. */
    batchSize: count.default(8),
    /** Samples computed at a time. Default: the whole batch. */
    microBatchSize: count.optional(),
    /** Contrastive losses over the whole batch although it is computed in micro-batches. */
    gradientCaching: z.boolean().default(false),
    optimizer: optimizerSchema.prefault({ name: 'adamw' }),
    schedule: scheduleSchema.prefault({ name: 'cosine' }),
    /** Largest norm of all gradients together. */
    clip: z.number().positive().optional(),
    /** Decay of the running averages of parameters. */
    ema: fraction.optional(),
    precision: z.enum(['f32', 'f16']).default('f32'),
    lossScale: z
      .strictObject({
        initial: z.number().positive().default(32768),
        /** Steps without overflow after which the scale doubles. */
        growthSteps: count.default(1000),
      })
      .prefault({}),
    /** Blocks compute their activations again in the backward pass. */
    checkpointing: z.boolean().default(false),
    /** Parameters that stay as they are. `*` stands for any text. */
    freeze: z.array(z.string()).default([]),
    /** Settings of some parameters; the last group that matches counts. */
    groups: z.array(groupSchema).default([]),
    /** Whether tensors of rank 0 and 1 (biases, norms, scales) decay like the others. */
    decayVectors: z.boolean().default(false),
    /** Loader threads; 0 loads in the main thread. Default: one less than there are cores, at most 8. */
    workers: z.int().min(0).optional(),
    /** Batches loaded ahead. */
    prefetch: z.int().min(0).default(2),
  })
  .refine(({ steps, epochs }) => (steps === undefined) !== (epochs === undefined), {
    message: 'takes either steps or epochs',
    path: ['steps'],
  })
  .refine(({ batchSize, microBatchSize = batchSize }) => microBatchSize <= batchSize, {
    message: 'must not be larger than batchSize',
    path: ['microBatchSize'],
  })

export const outputSchema = z.strictObject({
  /** Where everything is written. Default: runs/ and the configuration's name. */
  folder: z.string().optional(),
  /** Steps between lines of metrics. */
  logEvery: count.default(1),
  /** Steps between validations; none where the recipe has none. Default: at the end only. */
  validateEvery: count.optional(),
  /** Steps between checkpoints. Default: at the end only. */
  saveEvery: count.optional(),
  /** Checkpoints kept. */
  keepLast: count.default(2),
  /** The score that decides which weights are the best. Default: the first one of the validation. */
  bestMetric: z.string().optional(),
  bestIs: z.enum(['highest', 'lowest']).default('highest'),
  /** Seconds between versions of curves.html. */
  curvesEverySeconds: z.number().positive().default(10),
})

export type TrainOptions = z.output<typeof trainSchema>
export type OutputOptions = z.output<typeof outputSchema>
export type OptimizerOptions = z.output<typeof optimizerSchema>
export type ScheduleOptions = z.output<typeof scheduleSchema>
