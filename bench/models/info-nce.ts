/** InfoNCE with gradients, by batch size: what a contrastive training step pays for its loss. */
import { type Device, gradients, scope, tensor } from '../../src/engine/index.js'
import { composedInfoNce, infoNCE } from '../../src/kernels/contrastive/index.js'
import type { BenchModel, ModelCase, PreparedModel } from '../model.js'
import { roundTo, uniform } from '../values.js'

const temperature = 0.07
/** Above this many pairs the loss is compared with its expectation. */
const exactPairs = 256

/** The symmetric loss in float64. */
function exactLoss(images: Float32Array, texts: Float32Array, pairs: number): number {
  const features = images.length / pairs
  const [left, right] = [unitRows(images, pairs), unitRows(texts, pairs)]
  const rowSums = new Float64Array(pairs)
  const columnSums = new Float64Array(pairs)
  let matched = 0
  for (let i = 0; i < pairs; i++) {
    for (let j = 0; j < pairs; j++) {
      let dot = 0
      for (let f = 0; f < features; f++) dot += left[i * features + f]! * right[j * features + f]!
      // Cosines over the temperature are at most 15, whose exponential is no danger in float64.
      const likelihood = Math.exp(dot / temperature)
      rowSums[i]! += likelihood
      columnSums[j]! += likelihood
      if (i === j) matched += dot / temperature
    }
  }
  let loss = -2 * matched
  for (let i = 0; i < pairs; i++) loss += Math.log(rowSums[i]!) + Math.log(columnSums[i]!)
  return loss / (2 * pairs)
}

/** Rows scaled to length 1. */
function unitRows(values: Float32Array, rows: number): Float64Array {
  const result = Float64Array.from(values)
  const features = values.length / rows
  for (let i = 0; i < rows; i++) {
    const row = result.subarray(i * features, (i + 1) * features)
    const length = Math.hypot(...row)
    for (let f = 0; f < features; f++) row[f]! /= length
  }
  return result
}

/** Its mean for independent directions: logits are then normal, and log-sum-exp adds half their variance. */
const expectedLoss = (pairs: number, features: number): number =>
  Math.log(pairs) + 1 / (2 * features * temperature ** 2)

async function prepare(
  device: Device,
  dtype: 'f32' | 'f16',
  [pairs, features]: readonly [number, number],
  composed: boolean,
): Promise<PreparedModel> {
  const values = [1, 2].map((seed) => roundTo(dtype, uniform(pairs * features, seed)))
  const [images, texts] = values.map((list) => tensor(device, list, [pairs, features], { dtype, requiresGrad: true }))
  const loss = () =>
    composed ? composedInfoNce(images!, texts!, temperature) : infoNCE(images!, texts!, { temperature }).loss
  return {
    run: () => scope(() => void gradients(loss(), [images!, texts!])),
    check: async () => {
      const result = scope(loss)
      const found = await result.item()
      result.dispose()
      const exact = pairs <= exactPairs
      const wanted = exact ? exactLoss(values[0]!, values[1]!, pairs) : expectedLoss(pairs, features)
      const error = Number.isNaN(found) ? Number.POSITIVE_INFINITY : Math.abs(found - wanted) / wanted
      const tolerance = dtype === 'f16' || !exact ? 2e-2 : 1e-5
      const against = exact ? 'the loss in float64' : 'the expected loss of random directions, 2 %'
      return { correct: error <= tolerance, maxRelError: error, against }
    },
    dispose: () => {
      images!.dispose()
      texts!.dispose()
    },
  }
}

interface Choice {
  readonly pairs: number
  readonly features: number
  readonly quick?: boolean
  readonly software?: boolean
  readonly composed?: boolean
}

function pairsCase({ pairs, features, quick = false, software = false, composed = false }: Choice): ModelCase {
  return {
    name: `loss and gradients, ${pairs} pairs of ${features}${composed ? ', composed of operations' : ''}`,
    shape: [
      [pairs, features],
      [pairs, features],
    ],
    options: { temperature },
    quick,
    software,
    // One product forward and two backward; embeddings read, their gradients written.
    work: { flops: 6 * pairs * pairs * features, bytes: 16 * pairs * features },
    prepare: (device, dtype) => prepare(device, dtype, [pairs, features], composed),
  }
}

export const model: BenchModel = {
  name: 'infoNCE',
  cases: [
    pairsCase({ pairs: 256, features: 768, quick: true, software: true }),
    pairsCase({ pairs: 1024, features: 768, software: true }),
    pairsCase({ pairs: 1024, features: 768, software: true, composed: true }),
    pairsCase({ pairs: 4096, features: 512, software: true }),
    pairsCase({ pairs: 4096, features: 512, software: true, composed: true }),
    pairsCase({ pairs: 16384, features: 768 }),
    pairsCase({ pairs: 32768, features: 768 }),
  ],
}
