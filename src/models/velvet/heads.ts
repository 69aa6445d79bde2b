/** The heads of VELVET-Med (reference §1.4); names are those of the authors' checkpoints. */
import { scope, type Tensor } from '../../engine/index.js'
import { conv3d, convTranspose3d } from '../../kernels/conv3d/index.js'
import { gelu, leakyRelu } from '../../kernels/elementwise/index.js'
import { reshape } from '../../kernels/layout/index.js'
import { instanceNorm } from '../../kernels/norm/index.js'
import { resize3d } from '../../kernels/resize3d/index.js'
import { LayerNorm, Linear } from '../layers/basic.js'
import { fanInUniform, type Parameter, type ParameterScope } from '../layers/parameter.js'
import { sequence } from '../layers/sequence.js'
import { reportVector } from './text-levels.js'

/** Linear with PyTorch's default start, biases included. */
export const projection = (parameters: ParameterScope, inFeatures: number, outFeatures: number): Linear =>
  new Linear(parameters, { inFeatures, outFeatures, biasInitial: fanInUniform(inFeatures) })

/** Predicts masked tokens: Linear, erf GELU, layer norm, Linear to the vocabulary. */
export class MaskedTokenHead {
  readonly #hidden: Linear
  readonly #norm: LayerNorm
  readonly #output: Linear

  constructor(head: ParameterScope, features: number, vocabulary: number) {
    this.#hidden = projection(head.at('fc.0'), features, features)
    this.#norm = new LayerNorm(head.at('fc.2'), features, 1e-12)
    this.#output = projection(head.at('output'), features, vocabulary)
  }

  /** States `[..., features]` to logits `[..., vocabulary]`. */
  apply(states: Tensor): Tensor {
    return scope(() => this.#output.apply(this.#norm.apply(gelu(this.#hidden.apply(states)))))
  }
}

/**
 * Answers yes/no questions from fused states (reference §6.3): Linear, erf GELU, layer norm, Linear to one logit, on the
 * state of [CLS]. Train it with `bceWithLogits`; its layer norm's epsilon is that of the other text heads, our choice.
 */
export class YesNoHead {
  readonly #head: MaskedTokenHead

  constructor(head: ParameterScope, features: number) {
    this.#head = new MaskedTokenHead(head, features, 1)
  }

  /** Fused states `[N, T, features]` of `Velvet.fuse` to logits `[N]`; above 0 is yes. */
  apply(states: Tensor): Tensor {
    return scope(() => reshape(this.#head.apply(reportVector(states)), [states.shape[0]!]))
  }
}

/** Brings vision tokens to the text's width: Linear and layer norm. */
export class FusionAdapter {
  readonly #linear: Linear
  readonly #norm: LayerNorm

  constructor(adapter: ParameterScope, inFeatures: number, outFeatures: number) {
    this.#linear = projection(adapter.at(0), inFeatures, outFeatures)
    this.#norm = new LayerNorm(adapter.at(1), outFeatures, 1e-5)
  }

  /** `[N, T, in]` to `[N, T, out]`. */
  apply(tokens: Tensor): Tensor {
    return scope(() => this.#norm.apply(this.#linear.apply(tokens)))
  }
}

/** A convolution's kernel and bias as parameters. */
class Kernel {
  readonly weight: Parameter
  readonly bias: Parameter

  constructor(
    parameters: ParameterScope,
    shape: readonly [number, number, number, number, number],
    outChannels: number,
  ) {
    // PyTorch counts the second axis as the inputs, for transposed convolutions too.
    const initial = fanInUniform(shape[1] * shape[2] * shape[3] * shape[4])
    this.weight = parameters.declare('weight', { shape, axes: [0, 2, 3, 4, 1], initial })
    this.bias = parameters.declare('bias', { shape: [outChannels], initial })
  }
}

const doubling = (parameters: ParameterScope, from: number, to: number): Kernel =>
  new Kernel(parameters, [from, to, 2, 2, 2], to)

/** Reconstruction of the joint configurations: transposed convolutions that double the grid, no non-linearity. */
export class LinearReconstruction {
  readonly #steps: readonly Kernel[]

  /** @param doublings how often the grid doubles; the channels halve each time but the last, which gives one channel. */
  constructor(decoder: ParameterScope, features: number, doublings: number) {
    const blocks = Array.from({ length: doublings - 1 }, (_, i) =>
      doubling(decoder.at('up_blocks').at(i), features / 2 ** i, features / 2 ** (i + 1)),
    )
    this.#steps = [...blocks, doubling(decoder.at('out_layer'), features / 2 ** (doublings - 1), 1)]
  }

  /** `[N, h, w, d, features]` to `[N, H, W, D, 1]`. */
  apply(map: Tensor): Tensor {
    const steps = this.#steps.map(
      ({ weight, bias }) =>
        (x: Tensor) =>
          convTranspose3d(x, weight.value, { bias: bias.value, stride: 2 }),
    )
    return scope(() => sequence(map, steps))
  }
}

/** Reconstruction of the vision-only configuration: convolution, instance norm, leaky ReLU, trilinear doubling. */
export class ConvolutionReconstruction {
  readonly #blocks: readonly Kernel[]
  readonly #output: Kernel

  constructor(decoder: ParameterScope, features: number, doublings: number) {
    this.#blocks = Array.from({ length: doublings }, (_, i) => {
      const [from, to] = [features / 2 ** i, features / 2 ** (i + 1)]
      return new Kernel(decoder.at('up_blocks').at(i).at(0), [to, from, 3, 3, 3], to)
    })
    this.#output = new Kernel(decoder.at('out_layer'), [1, features / 2 ** doublings, 1, 1, 1], 1)
  }

  /** `[N, h, w, d, features]` to `[N, H, W, D, 1]`. */
  apply(map: Tensor): Tensor {
    const steps = this.#blocks.map(
      ({ weight, bias }) =>
        (x: Tensor) =>
          scope(() => {
            const y = leakyRelu(instanceNorm(conv3d(x, weight.value, { bias: bias.value, padding: 1 })), 0.01)
            const [h, w, d] = y.shape.slice(1, 4) as [number, number, number]
            return resize3d(y, [2 * h, 2 * w, 2 * d], { mode: 'trilinear' })
          }),
    )
    const output = (x: Tensor): Tensor => conv3d(x, this.#output.weight.value, { bias: this.#output.bias.value })
    return scope(() => sequence(map, [...steps, output]))
  }
}
