/** From tokens back to voxels: transposed convolutions that double the grid (PatchDecode of Primus). */
import { scope, type Tensor } from '../../engine/index.js'
import { convTranspose3d } from '../../kernels/conv3d/index.js'
import { gelu } from '../../kernels/elementwise/index.js'
import { LayerNorm } from './basic.js'
import { fanInUniform, type Parameter, type ParameterScope, zerosInit } from './parameter.js'
import { sequence } from './sequence.js'

export interface PatchDecoderOptions {
  readonly features: number
  /** Side of a patch in voxels; a power of two. */
  readonly patch: number
  readonly outChannels: number
}

/** Channels from stage to stage, by Primus' rule: geometric, rounded to multiples of 8. */
export function patchDecoderChannels({ features, patch, outChannels }: PatchDecoderOptions): number[] {
  const stages = Math.log2(patch)
  const shrink = (features / (2 * outChannels)) ** (1 / stages)
  const inner = Array.from({ length: stages - 1 }, (_, i) =>
    Math.max(8, 8 * roundHalfToEven((features / shrink ** (i + 1) + 1e-6) / 8)),
  )
  return [features, ...inner, outChannels]
}

/** Python's `round`. */
function roundHalfToEven(x: number): number {
  const low = Math.floor(x)
  if (x - low !== 0.5) return Math.round(x)
  return low % 2 === 0 ? low : low + 1
}

class Stage {
  readonly #weight: Parameter
  readonly #bias: Parameter
  readonly #norm: LayerNorm | undefined

  constructor(convolution: ParameterScope, norm: ParameterScope | undefined, from: number, to: number) {
    this.#weight = convolution.declare('weight', {
      shape: [from, to, 2, 2, 2],
      axes: [0, 2, 3, 4, 1],
      initial: fanInUniform(to * 8),
    })
    this.#bias = convolution.declare('bias', { shape: [to], initial: zerosInit })
    this.#norm = norm && new LayerNorm(norm, to, 1e-6)
  }

  apply(x: Tensor): Tensor {
    return scope(() => {
      const y = convTranspose3d(x, this.#weight.value, { bias: this.#bias.value, stride: 2 })
      return this.#norm ? gelu(this.#norm.apply(y)) : y
    })
  }
}

export class PatchDecoder {
  readonly #stages: readonly Stage[]

  constructor(decoder: ParameterScope, options: PatchDecoderOptions) {
    const channels = patchDecoderChannels(options)
    const stages = channels.length - 1
    this.#stages = Array.from({ length: stages }, (_, i) => {
      const stage = decoder.at('decode').at(i)
      const last = i === stages - 1
      return new Stage(last ? stage : stage.at(0), last ? undefined : stage.at(1), channels[i]!, channels[i + 1]!)
    })
  }

  /** Token grid `[N, d, h, w, features]` to voxels `[N, d * patch, h * patch, w * patch, outChannels]`. */
  apply(grid: Tensor): Tensor {
    return sequence(
      grid,
      this.#stages.map((stage) => (x: Tensor) => stage.apply(x)),
    )
  }
}
