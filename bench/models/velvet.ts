/** VELVET-Med's vision encoder, with random weights: the time does not depend on their values. */
import { type Device, noGrad, type Tensor, tensor } from '../../src/engine/index.js'
import { ParameterScope } from '../../src/models/layers/parameter.js'
import { type SwinConfig, velvetVision } from '../../src/models/velvet/config.js'
import { SwinEncoder } from '../../src/models/velvet/swin-encoder.js'
import { initializeWeights } from '../../src/models/weights.js'
import type { BenchModel, ModelCase, PreparedModel } from '../model.js'
import { uniform } from '../values.js'

const seed = 1
/** The deepest map is normalised over its channels: the mean square of every voxel is 1 but for the norm's epsilon. */
const unitTolerance = { f32: 1e-3, f16: 1e-2 }

async function prepare(
  device: Device,
  dtype: 'f32' | 'f16',
  { config, side }: { readonly config: SwinConfig; readonly side: number },
): Promise<PreparedModel> {
  const parameters = new ParameterScope(device, dtype)
  const encoder = new SwinEncoder(parameters, config)
  initializeWeights(parameters, seed)
  const volume = tensor(device, uniform(side ** 3, seed), [1, side, side, side, 1], { dtype })
  const encode = (): Tensor[] => noGrad(() => encoder.encode(volume))
  return {
    run: () => {
      for (const map of encode()) map.dispose()
    },
    check: async () => {
      const maps = encode()
      const values = Float64Array.from(await maps.at(-1)!.data())
      for (const map of maps) map.dispose()
      const meanSquare = values.reduce((sum, value) => sum + value * value, 0) / values.length
      const error = Number.isNaN(meanSquare) ? Number.POSITIVE_INFINITY : Math.abs(meanSquare - 1)
      return { correct: error <= unitTolerance[dtype], maxRelError: error, against: 'mean square 1 of the deepest map' }
    },
    dispose: () => {
      volume.dispose()
      encoder.dispose()
      for (const parameter of parameters.parameters.values()) parameter.dispose()
    },
  }
}

function encodeCase(name: string, config: SwinConfig, size: { quick: boolean; side: number }): ModelCase {
  const { quick, side } = size
  return {
    name,
    shape: [[1, side, side, side, 1]],
    options: { features: config.features, depths: config.depths, heads: config.heads },
    ...{ quick, software: side < 96 },
    makes: { count: 1, what: 'volumes' },
    prepare: (device, dtype) => prepare(device, dtype, { config, side }),
  }
}

export const model: BenchModel = {
  name: 'velvet',
  cases: [
    encodeCase('encode, Tv at 32', velvetVision.Tv, { quick: true, side: 32 }),
    encodeCase('encode, Sv at 96', velvetVision.Sv, { quick: false, side: 96 }),
  ],
}
