/**
 * Masked image modelling (reference §5.3): the tower encodes a part of the patches, and a small decoder, used for nothing
 * else, restores the voxels of the others.
 */
import { type Generator, ShapeError, scope, type Tensor, tensor } from '../../engine/index.js'
import { indexSelect } from '../../kernels/gather/index.js'
import { concat } from '../../kernels/join/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { maskedMse } from '../../kernels/losses/index.js'
import { randomPermutation } from '../../kernels/random/host.js'
import { resize3d } from '../../kernels/resize3d/index.js'
import { LayerNorm, type Triple } from '../layers/basic.js'
import { EvaBlock } from '../layers/eva-block.js'
import type { Parameter, ParameterScope } from '../layers/parameter.js'
import { PatchDecoder } from '../layers/patch-decoder.js'
import { sequence } from '../layers/sequence.js'
import type { ColipriConfig } from './config.js'
import type { ImageEncoder } from './image-encoder.js'

/** Patches that each sample of a batch keeps. */
export interface KeptPatches {
  readonly samples: number
  /** Patches of a sample. */
  readonly count: number
  /** `[samples, kept]`: numbers of patches, no two alike in a row, in any order. */
  readonly kept: Int32Array
}

/** Draws the patches that stay: `int(count (1 - dropped))` of each sample, at least one. */
export function drawKeptPatches(
  { samples, count }: Pick<KeptPatches, 'samples' | 'count'>,
  generator: Generator,
  dropped = 0.75,
): KeptPatches {
  const size = Math.max(1, Math.floor(count * (1 - dropped)))
  const kept = new Int32Array(samples * size)
  for (let n = 0; n < samples; n++) kept.set(randomPermutation(count, generator).subarray(0, size), n * size)
  return { samples, count, kept }
}

/** Two EVA blocks over all patches, a learned token where one was dropped, and transposed convolutions to voxels. */
export class MaskedImageDecoder {
  readonly #config: ColipriConfig['image']
  readonly #maskToken: Parameter
  readonly #blocks: readonly EvaBlock[]
  readonly #norm: LayerNorm
  readonly #voxels: PatchDecoder

  constructor(decoder: ParameterScope, { image }: Pick<ColipriConfig, 'image'>, depth = 2) {
    const { features, heads, mlpRatio, layerScale, patch } = image
    if (patch.some((side) => side !== patch[0])) {
      throw new ShapeError(`colipri: masked image modelling takes cubic patches, not ${patch.join(' x ')}`)
    }
    const hiddenFeatures = Math.floor(features * mlpRatio)
    this.#config = image
    this.#maskToken = decoder.declare('mask_token', { shape: [1, features], initial: { kind: 'normal', std: 1e-6 } })
    this.#blocks = Array.from(
      { length: depth },
      (_, i) => new EvaBlock(decoder.at('blocks').at(i), { features, heads, hiddenFeatures, layerScale, depth: i + 1 }),
    )
    this.#norm = new LayerNorm(decoder.at('norm'), features, 1e-5)
    this.#voxels = new PatchDecoder(decoder.at('up_projection'), { features, patch: patch[0], outChannels: 1 })
  }

  /** Encoded patches `[N, kept, features]`, in the order of `kept`, to voxels `[N, D, H, W, 1]` of the whole grid. */
  apply(encoded: Tensor, { samples, count, kept }: KeptPatches, grid: Triple, ropeTable: Tensor): Tensor {
    return scope(() => {
      const { features } = this.#config
      const rows = reshape(encoded, [kept.length, features])
      const source = new Int32Array(samples * count).fill(kept.length)
      const size = kept.length / samples
      for (const [row, patch] of kept.entries()) source[Math.floor(row / size) * count + patch] = row
      const all = indexSelect(concat([rows, this.#maskToken.value], 0), tensor(encoded.device, source), { axis: 0 })
      const blocks = this.#blocks.map((block) => (x: Tensor) => block.apply(x, ropeTable))
      const decoded = sequence(reshape(all, [samples, count, features]), [...blocks, (x) => this.#norm.apply(x)])
      return this.#voxels.apply(reshape(decoded, [samples, ...grid, features]))
    })
  }
}

/**
 * Mean squared error over the voxels of the patches that were dropped, of volumes `[N, D, H, W, 1]` as the tower takes
 * them. Also gives the restored voxels.
 */
export function maskedModelling(
  image: ImageEncoder,
  decoder: MaskedImageDecoder,
  volume: Tensor,
  choice: KeptPatches,
): { readonly loss: Tensor; readonly voxels: Tensor } {
  return scope(() => {
    const { tokens, grid } = image.embedPatches(volume)
    const [samples, count, features] = tokens.shape as [number, number, number]
    if (samples !== choice.samples || count !== choice.count) {
      throw new ShapeError(
        `colipri: patches of ${choice.samples} samples with ${choice.count} each do not fit ${samples} with ${count}`,
      )
    }
    const { device } = volume
    const size = choice.kept.length / samples
    const table = image.ropeTable(device, grid)
    const flat = choice.kept.map((patch, row) => Math.floor(row / size) * count + patch)
    const visible = indexSelect(reshape(tokens, [samples * count, features]), tensor(device, flat), { axis: 0 })
    // Positions are gathered sample by sample: the reference implementation lines them up with heads instead.
    const rows = indexSelect(table, tensor(device, choice.kept), { axis: 0 })
    const positions = reshape(rows, [samples, size, table.shape[1]!])
    const encoded = image.encodeTokens(reshape(visible, [samples, size, features]), positions)
    const voxels = decoder.apply(encoded, choice, grid, table)
    return { loss: maskedMse(voxels, volume, droppedVoxels(volume, choice, grid)), voxels }
  })
}

/** `[N, D, H, W, 1]`: 1 in patches that were dropped. */
function droppedVoxels(volume: Tensor, { samples, count, kept }: KeptPatches, grid: Triple): Tensor {
  const flags = new Float32Array(samples * count).fill(1)
  const size = kept.length / samples
  for (const [row, patch] of kept.entries()) flags[Math.floor(row / size) * count + patch] = 0
  const sides = volume.shape.slice(1, 4) as unknown as Triple
  return resize3d(tensor(volume.device, flags, [samples, ...grid, 1]), sides, { mode: 'nearest' })
}
