/** InfoNCE with gradients, by batch size: what a contrastive training step pays for its loss. */
import { type Device, gradients, scope, tensor } from '../../src/engine/index.js'
import { infoNCE } from '../../src/kernels/contrastive/index.js'
import type { BenchModel, ModelCase, PreparedModel } from '../model.js'
import { roundTo, uniform } from '../values.js'

const features = 768
const temperature = 0.07
/** Above this many pairs the loss is compared with its expectation. */
const exactPairs = 256

/** The symmetric loss in float64. */
function exactLoss(images: Float32Array, texts: Float32Array, pairs: number): number {
  const row = (values: Float32Array, i: number) => {
    const slice = Float64Array.from(values.subarray(i * features, (i + 1) * features))
    const length = Math.hypot(...slice)
    return slice.map((value) => value / length)
  }
  const left = Array.from({ length: pairs }, (_, i) => row(images, i))
  const right = Array.from({ length: pairs }, (_, i) => row(texts, i))
  const logits = left.map((a) => right.map((b) => a.reduce((sum, value, f) => sum + value * b[f]!, 0) / temperature))
  const logSumExp = (values: readonly number[]) => Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0))
  const terms = logits.map(
    (values, i) => logSumExp(values) + logSumExp(logits.map((other) => other[i]!)) - 2 * values[i]!,
  )
  return terms.reduce((sum, term) => sum + term, 0) / (2 * pairs)
}

/** Its mean for independent directions: logits are then normal, and log-sum-exp adds half their variance. */
const expectedLoss = (pairs: number): number => Math.log(pairs) + 1 / (2 * features * temperature ** 2)

async function prepare(device: Device, dtype: 'f32' | 'f16', pairs: number): Promise<PreparedModel> {
  const values = [1, 2].map((seed) => roundTo(dtype, uniform(pairs * features, seed)))
  const [images, texts] = values.map((list) => tensor(device, list, [pairs, features], { dtype, requiresGrad: true }))
  const loss = () => infoNCE(images!, texts!, { temperature }).loss
  return {
    run: () => scope(() => void gradients(loss(), [images!, texts!])),
    check: async () => {
      const result = scope(loss)
      const found = await result.item()
      result.dispose()
      const exact = pairs <= exactPairs
      const wanted = exact ? exactLoss(values[0]!, values[1]!, pairs) : expectedLoss(pairs)
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

function pairsCase(pairs: number, size: { quick: boolean; software: boolean }): ModelCase {
  return {
    name: `loss and gradients, ${pairs} pairs`,
    shape: [
      [pairs, features],
      [pairs, features],
    ],
    options: { temperature },
    ...size,
    // One product forward and two backward; embeddings read, their gradients written.
    work: { flops: 6 * pairs * pairs * features, bytes: 16 * pairs * features },
    prepare: (device, dtype) => prepare(device, dtype, pairs),
  }
}

export const model: BenchModel = {
  name: 'infoNCE',
  cases: [
    pairsCase(256, { quick: true, software: true }),
    pairsCase(1024, { quick: false, software: true }),
    ...[4096, 16384, 32768].map((pairs) => pairsCase(pairs, { quick: false, software: false })),
  ],
}
