import { checkDType } from '../../engine/dtype.js'
import { apply, defineOp } from '../../engine/op.js'
import { sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import {
  type ActivationName,
  activate,
  activationGradient,
  isToldByResult,
  resolveActivation,
} from '../elementwise/activation.js'
import { runBiasGradient } from './bias-gradient.js'
import { conv3dCases } from './cases.js'
import {
  type ConvolutionOptions,
  checkChannels,
  checkRanks,
  conv3dGeometry,
  resolvePadding,
  spatial,
  type Triple,
  triple,
  volumeOf,
} from './geometry.js'
import { conv3dReference } from './reference.js'
import { runConvolve, runWeightGradient } from './run.js'

const conv3dOp = defineOp<ConvolutionOptions>({
  name: 'conv3d',
  doc: 'Cross-correlation of a channels-last volume with a kernel, and an activation.',
  shape([x, weight, bias], options) {
    checkDType('conv3d', ['f32', 'f16'], x!, weight!, ...(bias ? [bias] : []))
    const { batch, coarse, coarseChannels } = conv3dGeometry('conv3d', x!.shape, weight!.shape, options)
    checkChannels('conv3d', x!.shape, weight!.shape, bias?.shape, {
      weightInput: weight!.shape[4]! * options.groups,
      groups: options.groups,
      outputs: coarseChannels,
    })
    return [{ shape: [batch, ...coarse, coarseChannels], dtype: x!.dtype }]
  },
  forward(context, [x, weight, bias], options) {
    const geometry = conv3dGeometry('conv3d', x!.shape, weight!.shape, options)
    const { activation } = options
    const fused = activation && context.recording && !isToldByResult(activation) ? undefined : activation
    const y = context.empty()
    runConvolve(context, { direction: 'convolve', geometry, x: x!, weight: weight!, bias, activation: fused, y })
    context.save(x!, weight!, ...(activation ? [y] : []))
    return activation && !fused ? activate(y, activation) : y
  },
  backward(context, [dResult], [x, weight, kept], options) {
    const geometry = conv3dGeometry('conv3d', x!.shape, weight!.shape, options)
    const [needsX, needsWeight, needsBias] = context.needs
    const { activation } = options
    const dy = activation ? activationGradient(context, activation, dResult!, kept!) : dResult
    const inputGradient = () => {
      const dx = context.empty(x!.shape, x!.dtype)
      runConvolve(context, { direction: 'transpose', geometry, x: dy!, weight: weight!, y: dx })
      return dx
    }
    return [
      needsX ? inputGradient() : undefined,
      needsWeight ? runWeightGradient(context, geometry, dy!, x!, weight!) : undefined,
      needsBias ? runBiasGradient(context, dy!, context.inputs[2]!.dtype) : undefined,
    ]
  },
  reference: (inputs, options) => [conv3dReference(inputs, options)],
  cost([x, weight], options) {
    const { batch, coarse } = conv3dGeometry('conv3d', x!.shape, weight!.shape, options)
    const outputs = batch * volumeOf(coarse)
    return {
      flops: 2 * outputs * sizeOf(weight!.shape),
      bytes: 4 * (sizeOf(x!.shape) + sizeOf(weight!.shape) + outputs * weight!.shape[0]!),
    }
  },
  cases: conv3dCases,
})

export interface Conv3dOptions {
  /** `[Cout]` */
  readonly bias?: Tensor | undefined
  /** Default 1. */
  readonly stride?: number | Triple | undefined
  /**
   * Zeros around the volume: on both sides of each axis, or `[before, after]`. "same" keeps the extents, with the surplus
   * zero of an even window at the end of an axis, and takes stride 1 only. Default 0.
   */
  readonly padding?: number | Triple | 'same' | readonly [before: Triple, after: Triple] | undefined
  /** Default 1. */
  readonly dilation?: number | Triple | undefined
  /** Default 1. */
  readonly groups?: number | undefined
  /** Applied to the result in the same pass; gelu is the exact one, by erf. */
  readonly activation?: ActivationName | undefined
  /** Slope of `leaky-relu` below 0. Default 0.01. */
  readonly negativeSlope?: number | undefined
}

/**
 * 3D convolution (cross-correlation, as in PyTorch) of `x` `[N, D, H, W, Cin]` with `weight`
 * `[Cout, kD, kH, kW, Cin / groups]`; gives `[N, D', H', W', Cout]` in the type of `x`. f32 accumulation. Runs as
 * a matrix product over windows that are never laid out; volumes beyond the adapter's binding limit go by slabs of their depth.
 *
 * @throws ShapeError when channels, groups or extents do not fit; ValueError for an unknown activation;
 * NotSupportedError for "same" with a stride; LimitError where the weight, or what one slice of the result reads, is
 * beyond a binding.
 */
export function conv3d(x: Tensor, weight: Tensor, options: Conv3dOptions = {}): Tensor {
  checkRanks('conv3d', x.shape, weight.shape)
  const { bias, groups = 1 } = options
  const stride = triple(options.stride, 1)
  const dilation = triple(options.dilation, 1)
  const kernel = spatial(weight.shape)
  const [paddingBefore, paddingAfter] = resolvePadding('conv3d', options.padding, { kernel, stride, dilation })
  const activation = resolveActivation('conv3d', options.activation, options.negativeSlope)
  const resolved = { stride, paddingBefore, paddingAfter, dilation, groups, activation }
  const inputs = bias ? [x, weight, bias] : [x, weight]
  return apply(conv3dOp, inputs, resolved)
}
