/** fVLM's embeddings of an organ, with random weights: the time does not depend on their values. */
import { type Device, noGrad, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { type FvlmConfig, fvlmPublished, trainingCrop } from '../../src/models/fvlm/config.js'
import { Fvlm } from '../../src/models/fvlm/fvlm.js'
import type { BenchModel, ModelCase, PreparedModel } from '../model.js'
import { uniform } from '../values.js'

/** Every part of the published model at a size that a software adapter runs in a fraction of a second. */
const small: FvlmConfig = {
  ...fvlmPublished,
  vision: {
    ...fvlmPublished.vision,
    ...{ trainingGrid: [3, 6, 4], features: 192, depth: 3, heads: 3, hiddenFeatures: 768, taps: [0, 1] },
  },
  projectionFeatures: 64,
}

const seed = 1
/** Unit vectors: what every embedding must be, whatever the weights. */
const unitTolerance = { f32: 1e-4, f16: 5e-3 }

/** One window with one organ that fills it. */
async function prepare(device: Device, dtype: 'f32' | 'f16', config: FvlmConfig): Promise<PreparedModel> {
  const model = new Fvlm(device, { config, dtype, only: 'vision' }).initialize(seed)
  const shape = [1, ...trainingCrop(config), 1]
  const values = uniform(
    shape.reduce((a, b) => a * b),
    seed,
  )
  const volume = tensor(device, values, shape, { dtype })
  const tokens = config.vision.trainingGrid.reduce((a, b) => a * b)
  const selected = new Uint8Array(config.anatomies.length * tokens).fill(1)
  const embed = (): Tensor =>
    scope(() => model.pooling.apply(model.vision.encode(volume).levels, selected, { only: [0] }).unit[0]!)
  return {
    run: () => noGrad(() => embed().dispose()),
    check: async () => {
      using embedding = noGrad(embed)
      const length = Math.hypot(...(await embedding.data()))
      const error = Number.isNaN(length) ? Number.POSITIVE_INFINITY : Math.abs(length - 1)
      return { correct: error <= unitTolerance[dtype], maxRelError: error, against: 'length 1 of the embedding' }
    },
    checkExecutesOnce: true,
    dispose: () => {
      volume.dispose()
      model.dispose()
    },
  }
}

function organCase(name: string, config: FvlmConfig, size: { quick: boolean; software: boolean }): ModelCase {
  return {
    name,
    shape: [[1, ...trainingCrop(config), 1]],
    options: { features: config.vision.features, depth: config.vision.depth },
    ...size,
    makes: { count: 1, what: 'windows' },
    prepare: (device, dtype) => prepare(device, dtype, config),
  }
}

export const model: BenchModel = {
  name: 'fvlm',
  cases: [
    organCase('embed an organ, small configuration', small, { quick: true, software: true }),
    organCase('embed an organ', fvlmPublished, { quick: false, software: false }),
  ],
}
