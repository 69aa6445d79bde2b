/** The layers every model is made of. Names and shapes of their parameters are PyTorch's. */
import type { Tensor } from '../../engine/index.js'
import { conv3d } from '../../kernels/conv3d/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { type EpilogueOptions, linear } from '../../kernels/matmul/index.js'
import { layerNorm } from '../../kernels/norm/index.js'
import {
  fanInUniform,
  type Initializer,
  onesInit,
  type Parameter,
  type ParameterScope,
  zerosInit,
} from './parameter.js'

export interface LinearOptions {
  readonly inFeatures: number
  readonly outFeatures: number
  readonly bias?: boolean
  readonly initial?: Initializer
  readonly biasInitial?: Initializer
}

/** What follows a linear layer in the same pass. */
export type LinearEpilogue = Omit<EpilogueOptions, 'bias'>

/** `x W^T + b` over the last axis. */
export class Linear {
  readonly weight: Parameter
  readonly bias: Parameter | undefined

  constructor(scope: ParameterScope, { inFeatures, outFeatures, bias = true, initial, biasInitial }: LinearOptions) {
    this.weight = scope.declare('weight', {
      shape: [outFeatures, inFeatures],
      initial: initial ?? fanInUniform(inFeatures),
    })
    if (bias) this.bias = scope.declare('bias', { shape: [outFeatures], initial: biasInitial ?? zerosInit })
  }

  apply(x: Tensor, epilogue: LinearEpilogue = {}): Tensor {
    return linear(x, this.weight.value, { ...epilogue, bias: this.bias?.value })
  }
}

/** Layer normalisation over the last axis, affine. */
export class LayerNorm {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly #eps: number

  constructor(scope: ParameterScope, features: number, eps: number) {
    this.weight = scope.declare('weight', { shape: [features], initial: onesInit })
    this.bias = scope.declare('bias', { shape: [features], initial: zerosInit })
    this.#eps = eps
  }

  apply(x: Tensor): Tensor {
    return layerNorm(x, { weight: this.weight.value, bias: this.bias.value, eps: this.#eps })
  }
}

export type Triple = readonly [number, number, number]

export interface PatchEmbeddingOptions {
  readonly channels: number
  readonly features: number
  readonly patch: Triple
  readonly initial?: Initializer
  readonly biasInitial?: Initializer
}

/** Cuts a volume into patches and embeds each: a convolution whose kernel is its stride. */
export class PatchEmbedding {
  readonly weight: Parameter
  readonly bias: Parameter
  readonly patch: Triple

  constructor(scope: ParameterScope, { channels, features, patch, ...start }: PatchEmbeddingOptions) {
    const fanIn = channels * patch[0] * patch[1] * patch[2]
    this.patch = patch
    this.weight = scope.declare('weight', {
      shape: [features, channels, ...patch],
      axes: [0, 2, 3, 4, 1],
      // Kaiming normal with leaky slope 0.01, as nnU-Net's convolutions start.
      initial: start.initial ?? { kind: 'normal', std: Math.sqrt(2 / (1 + 0.01 ** 2) / fanIn) },
    })
    this.bias = scope.declare('bias', { shape: [features], initial: start.biasInitial ?? zerosInit })
  }

  /** `[N, D, H, W, channels]` to tokens `[N, T, features]` in row-major order of the patch grid. */
  apply(volume: Tensor): Tensor {
    const grid = conv3d(volume, this.weight.value, { bias: this.bias.value, stride: this.patch })
    const [n, d, h, w, features] = grid.shape as [number, number, number, number, number]
    return reshape(grid, [n, d * h * w, features])
  }
}
