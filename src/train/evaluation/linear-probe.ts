/** Linear probing of frozen tokens, by the protocol of reference §6.1 (COLIPRI's Table 7). */

import { RandomStream } from '../../data/random.js'
import {
  backward,
  type Device,
  Generator,
  keep,
  scope,
  type Tensor,
  tensor,
  ValueError,
  zeros,
} from '../../engine/index.js'
import { bceWithLogits } from '../../kernels/losses/index.js'
import { linear } from '../../kernels/matmul/index.js'
import { randomNormal } from '../../kernels/random/index.js'
import { BinaryScores } from '../metrics/binary-scores.js'
import { decisionScores } from '../metrics/confusion.js'
import { meanDefined } from '../metrics/findings.js'
import { cosine } from '../schedules.js'
import { SGD } from '../sgd.js'
import { type ProbePooling, poolTokens, queryCounts } from './probe-poolings.js'
import { withTokenCache } from './token-cache.js'

/** Frozen tokens of studies, read when they are needed, and their labels. */
export interface ProbeData {
  readonly studies: number
  /** Tokens of a study and features of a token. */
  readonly shape: readonly [tokens: number, features: number]
  readonly findings: readonly string[]
  /** `[studies, findings]`, row-major, 0 or 1. */
  readonly labels: ArrayLike<number>
  /** The tokens of a study, `[tokens, features]` in C order. */
  tokens(study: number): Float32Array | Promise<Float32Array>
}

export interface ProbeOptions {
  readonly pooling: ProbePooling
  readonly seed: number
  /** Each is tried; the best on the validation data is kept. Default: 0.1, 0.03, 0.01, 0.003. */
  readonly learningRates?: readonly number[] | undefined
  /** Default 12,500. */
  readonly steps?: number | undefined
  /** Default 16. */
  readonly batchSize?: number | undefined
  /** Steps between two looks at the validation data. Default: a tenth of all. */
  readonly validateEvery?: number | undefined
  /** Host memory for tokens, where queries are learned and so all tokens are needed again and again. Default 4 GiB. */
  readonly cacheBytes?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** A trained probe. Plain values, to be stored. */
export interface Probe {
  readonly pooling: ProbePooling
  readonly findings: readonly string[]
  /** `[findings, features]` */
  readonly weight: Float32Array
  /** `[findings]` */
  readonly bias: Float32Array
  /** `[queries, features]`; empty where none is learned. */
  readonly queries: Float32Array
  readonly learningRate: number
  /** After which it was best. */
  readonly step: number
  /** Mean average precision over the findings on the validation data. */
  readonly validationAveragePrecision: number
  /** By finding: the logit that maximises F1 on the validation data; `>=` is positive. */
  readonly thresholds: readonly number[]
}

export interface ProbeScores {
  readonly auroc: number
  readonly averagePrecision: number
  readonly f1: number
  readonly balancedAccuracy: number
}

/**
 * Trains one linear layer on pooled tokens with binary cross-entropy: SGD with momentum 0.95, no weight decay, the
 * learning rate falling to 0 as a cosine. Keeps the rate and step with the best macro average precision on `validation`.
 */
export async function trainProbe(
  device: Device,
  data: { readonly train: ProbeData; readonly validation: ProbeData },
  options: ProbeOptions,
): Promise<Probe> {
  const { learningRates = [1e-1, 3e-2, 1e-2, 3e-3], steps = 12_500, cacheBytes = 2 ** 32 } = options
  if (learningRates.length === 0 || steps < 1)
    throw new ValueError('trainProbe: there are no learning rates or no steps')
  const { pooling } = options
  const [train, validation] =
    queryCounts[pooling] > 0
      ? (withTokenCache([data.train, data.validation], cacheBytes) as [ProbeData, ProbeData])
      : [await pooledOnce(device, data.train, pooling), await pooledOnce(device, data.validation, pooling)]
  let best: Probe | undefined
  for (const learningRate of learningRates) {
    for await (const probe of candidates(device, train, validation, { ...options, steps }, learningRate)) {
      if (!best || probe.validationAveragePrecision > best.validationAveragePrecision) best = probe
    }
  }
  return best!
}

/** Macro measures of a probe on other studies, at the thresholds chosen on its validation data. */
export async function evaluateProbe(device: Device, probe: Probe, data: ProbeData): Promise<ProbeScores> {
  const columns = columnsOf(data, await probeLogits(device, probe, data))
  const decided = columns.map((column, n) => decisionScores(column.confusion(probe.thresholds[n]!)))
  return {
    auroc: meanDefined(columns.map((column) => column.auroc())),
    averagePrecision: meanDefined(columns.map((column) => column.averagePrecision())),
    f1: meanDefined(decided.map(({ f1 }) => f1)),
    balancedAccuracy: meanDefined(decided.map(({ balancedAccuracy }) => balancedAccuracy)),
  }
}

/** `[studies, findings]` */
export async function probeLogits(device: Device, probe: Probe, data: ProbeData): Promise<Float32Array> {
  const { weight, bias, queries } = probe
  const features = data.shape[1]
  const parameters = {
    weight: tensor(device, weight, [probe.findings.length, features]),
    bias: tensor(device, bias, [probe.findings.length]),
    ...(queries.length > 0 && { queries: tensor(device, queries, [queries.length / features, features]) }),
  }
  try {
    return await logitsOf(device, parameters, data, probe.pooling)
  } finally {
    for (const value of Object.values(parameters)) value.dispose()
  }
}

interface ProbeParameters {
  readonly weight: Tensor
  readonly bias: Tensor
  readonly queries?: Tensor
}

/** One training run; yields the probe at every look at the validation data. */
async function* candidates(
  device: Device,
  train: ProbeData,
  validation: ProbeData,
  options: ProbeOptions & { readonly steps: number },
  learningRate: number,
): AsyncGenerator<Probe> {
  const { pooling, seed, steps, batchSize = 16, signal } = options
  const validateEvery = options.validateEvery ?? Math.max(1, Math.ceil(steps / 10))
  const parameters = startParameters(device, train, pooling, seed)
  const list = Object.values(parameters) as Tensor[]
  using optimizer = new SGD(list, { lr: learningRate, momentum: 0.95 })
  const schedule = cosine({ base: learningRate, total: steps })
  const order = new RandomStream(seed, ORDER_STREAM)
  try {
    for (let step = 0; step < steps; step++) {
      signal?.throwIfAborted()
      const studies = Array.from({ length: Math.min(batchSize, train.studies) }, () =>
        Math.floor(order.uniform(0, train.studies)),
      )
      optimizer.lr = schedule(step)
      optimizer.zeroGrad()
      using tokens = await loadTokens(device, train, studies)
      using labels = labelTensor(device, train, studies)
      scope(() => backward(bceWithLogits(forward(parameters, tokens, pooling), labels)))
      optimizer.step()
      const last = step === steps - 1
      if (!last && (step + 1) % validateEvery !== 0) continue
      const columns = columnsOf(validation, await logitsOf(device, parameters, validation, pooling))
      yield {
        ...{ pooling, findings: train.findings, learningRate, step: step + 1 },
        weight: (await parameters.weight.data()) as Float32Array,
        bias: (await parameters.bias.data()) as Float32Array,
        queries: parameters.queries ? ((await parameters.queries.data()) as Float32Array) : new Float32Array(0),
        validationAveragePrecision: meanDefined(columns.map((column) => column.averagePrecision())),
        thresholds: columns.map((column) => column.bestF1().threshold),
      }
    }
  } finally {
    for (const value of list) value.dispose()
  }
}

/** Which studies a step takes, apart from everything else that the seed decides. */
const ORDER_STREAM = 0x70726f62

function startParameters(device: Device, data: ProbeData, pooling: ProbePooling, seed: number): ProbeParameters {
  const [, features] = data.shape
  const queries = queryCounts[pooling]
  const generator = new Generator(seed)
  const own = scope(() => ({
    weight: randomNormal(device, [data.findings.length, features], { generator, std: 0.01 }),
    bias: zeros(device, [data.findings.length]),
    ...(queries > 0 && {
      queries: randomNormal(device, [queries, features], { generator, std: 1 / Math.sqrt(features) }),
    }),
  }))
  for (const value of Object.values(own)) keep(value).setRequiresGrad()
  return own
}

const forward = ({ weight, bias, queries }: ProbeParameters, tokens: Tensor, pooling: ProbePooling): Tensor =>
  linear(poolTokens(tokens, pooling, queries), weight, { bias })

async function logitsOf(
  device: Device,
  parameters: ProbeParameters,
  data: ProbeData,
  pooling: ProbePooling,
): Promise<Float32Array> {
  const logits = new Float32Array(data.studies * data.findings.length)
  for (let study = 0; study < data.studies; study++) {
    using tokens = await loadTokens(device, data, [study])
    using result = scope(() => forward(parameters, tokens, pooling).detach())
    logits.set(await result.data(), study * data.findings.length)
  }
  return logits
}

async function loadTokens(device: Device, { shape, tokens }: ProbeData, studies: readonly number[]): Promise<Tensor> {
  const size = shape[0] * shape[1]
  const values = new Float32Array(studies.length * size)
  for (const [n, study] of studies.entries()) values.set(await tokens(study), n * size)
  return tensor(device, values, [studies.length, ...shape])
}

function labelTensor(device: Device, { findings, labels }: ProbeData, studies: readonly number[]): Tensor {
  const values = studies.flatMap((study) => findings.map((_, n) => labels[study * findings.length + n]!))
  return tensor(device, values, [studies.length, findings.length])
}

function columnsOf({ findings, labels, studies }: ProbeData, logits: Float32Array): BinaryScores[] {
  return findings.map((_, column) => {
    const own = (values: ArrayLike<number>) =>
      Array.from({ length: studies }, (_, study) => values[study * findings.length + column]!)
    return new BinaryScores(own(logits), own(labels))
  })
}

/** Where nothing of the pooling is learned, each study is pooled once and then has a single token. */
async function pooledOnce(device: Device, data: ProbeData, pooling: ProbePooling): Promise<ProbeData> {
  const features = data.shape[1]
  const pooled = new Float32Array(data.studies * features)
  for (let study = 0; study < data.studies; study++) {
    using tokens = await loadTokens(device, data, [study])
    using vector = poolTokens(tokens, pooling)
    pooled.set(await vector.data(), study * features)
  }
  const tokens = (study: number) => pooled.subarray(study * features, (study + 1) * features)
  return { ...data, shape: [1, features], tokens }
}
