/**
 * Peak bytes of VELVET-Med's combined step at its published size, by the engine's memory statistics. Kernels are not
 * launched, so it takes seconds on any adapter:
 *
 *     node scripts/run.mjs bench/velvet-memory.ts
 */
import { withoutLaunching } from '../src/engine/dispatch.js'
import { backward, type Device, openDevice, scope, tensor } from '../src/engine/index.js'
import { type MaskedTokens, type PretrainingBatch, pretrainingLosses, Velvet } from '../src/models/velvet/index.js'

const side = 96
const positions = 512
const sentences = 25

/** A batch of the shapes that training has; texts fill all positions. */
function batchOf(device: Device, samples: number, firstSentenceId: number): PretrainingBatch {
  const volume = (count: number) =>
    tensor(device, new Float32Array(count * side ** 3), [count, side, side, side, 1], { dtype: 'f16' })
  const tokens = samples * positions
  const sentenceOf = (n: number) => Math.floor(((n % positions) * sentences) / positions)
  const starts = (n: number) => n % positions > 0 && sentenceOf(n) !== sentenceOf(n - 1)
  const ids = Int32Array.from({ length: tokens }, (_, n) =>
    n % positions === 0 ? 2 : starts(n) || n % positions === 1 ? firstSentenceId + sentenceOf(n) : 1000,
  )
  const masked: MaskedTokens = { ids, labels: new Int32Array(tokens).fill(1000) }
  return {
    ...{ volume: volume(samples), views: [volume(samples), volume(samples)], target: volume(2 * samples) },
    ...{ turns: new Int32Array(2 * samples), fusionMasked: masked, textMasked: masked },
    text: {
      ids,
      types: Int32Array.from({ length: tokens }, (_, n) => sentenceOf(n) + 1),
      attention: new Int32Array(tokens).fill(1),
      shape: [samples, positions],
    },
  }
}

/** Peak of forward and backward pass above what is there before them: weights and the batch. */
function peakOf(device: Device, model: Velvet, samples: number, checkpointing: boolean) {
  const firstSentenceId = model.config.text.firstSentenceId!
  const batch = batchOf(device, samples, firstSentenceId)
  const other = Int32Array.from({ length: samples }, (_, n) => (n + 1) % samples)
  const tokens = { startId: 2, firstSentenceId, isContinuation: () => false }
  const before = device.memory().liveBytes
  device.resetPeakMemory()
  withoutLaunching(
    () => {},
    () =>
      scope(() => {
        const negatives = { imageForText: other, textForImage: other }
        backward(pretrainingLosses(model, batch, negatives, { tokens, checkpointing }).loss)
      }),
  )
  const { peakBytes, liveBytes } = device.memory()
  for (const { value } of model.parameters.parameters.values()) {
    value.grad?.dispose()
    value.grad = undefined
  }
  return { peakBytes: peakBytes - before, gradientBytes: liveBytes - before }
}

using device = await openDevice()
using model = new Velvet(device, { dtype: 'f16' })
const gib = (bytes: number): string => (bytes / 2 ** 30).toFixed(2)
withoutLaunching(
  () => {},
  () => model.initialize(1),
)
console.log(`weights ${gib(device.memory().liveBytes)} GiB`)
for (const checkpointing of [false, true]) {
  for (const samples of [1, 2, 10]) {
    const { peakBytes, gradientBytes } = peakOf(device, model, samples, checkpointing)
    console.log(
      `batch ${samples}, checkpointing ${checkpointing}: peak ${gib(peakBytes)} GiB, gradients ${gib(gradientBytes)} GiB of it`,
    )
  }
}
