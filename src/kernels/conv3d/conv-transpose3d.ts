import { checkDType } from '../../engine/dtype.js'
import { apply, defineOp } from '../../engine/op.js'
import { sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runBiasGradient } from './bias-gradient.js'
import { convTranspose3dCases } from './cases.js'
import { checkChannels, type TransposeOptions, type Triple, transposeGeometry, triple, volumeOf } from './geometry.js'
import { convTranspose3dReference } from './reference.js'
import { runConvolve, runWeightGradient } from './run.js'

const convTranspose3dOp = defineOp<TransposeOptions>({
  name: 'convTranspose3d',
  doc: 'The gradient of conv3d by its input, as an operation of its own.',
  shape([x, weight, bias], options) {
    checkDType('convTranspose3d', ['f32', 'f16'], x!, weight!, ...(bias ? [bias] : []))
    const { batch, fine, fineChannels } = transposeGeometry('convTranspose3d', x!.shape, weight!.shape, options)
    checkChannels('convTranspose3d', x!.shape, weight!.shape, bias?.shape, {
      weightInput: weight!.shape[0]!,
      groups: options.groups,
      outputs: fineChannels,
    })
    return [{ shape: [batch, ...fine, fineChannels], dtype: x!.dtype }]
  },
  forward(context, [x, weight, bias], options) {
    const geometry = transposeGeometry('convTranspose3d', x!.shape, weight!.shape, options)
    const y = context.empty()
    runConvolve(context, { direction: 'transpose', geometry, x: x!, weight: weight!, bias, y })
    context.save(x!, weight!)
    return y
  },
  backward(context, [dy], [x, weight], options) {
    const geometry = transposeGeometry('convTranspose3d', x!.shape, weight!.shape, options)
    const [needsX, needsWeight, needsBias] = context.needs
    const inputGradient = () => {
      const dx = context.empty(x!.shape, x!.dtype)
      runConvolve(context, { direction: 'convolve', geometry, x: dy!, weight: weight!, y: dx })
      return dx
    }
    return [
      needsX ? inputGradient() : undefined,
      needsWeight ? runWeightGradient(context, geometry, x!, dy!, weight!) : undefined,
      needsBias ? runBiasGradient(context, dy!, context.inputs[2]!.dtype) : undefined,
    ]
  },
  reference: (inputs, options) => [convTranspose3dReference(inputs, options)],
  cost([x, weight], options) {
    const { batch, coarse, fine, fineChannels } = transposeGeometry('convTranspose3d', x!.shape, weight!.shape, options)
    return {
      flops: 2 * batch * volumeOf(coarse) * sizeOf(weight!.shape),
      bytes: 4 * (sizeOf(x!.shape) + sizeOf(weight!.shape) + batch * volumeOf(fine) * fineChannels),
    }
  },
  cases: convTranspose3dCases,
})

export interface ConvTranspose3dOptions {
  /** `[Cout]` */
  readonly bias?: Tensor | undefined
  /** Default 1. */
  readonly stride?: number | Triple | undefined
  /** Cut from both sides of each axis of the result. Default 0. */
  readonly padding?: number | Triple | undefined
  /** Added at the end of each axis of the result, which several extents would otherwise share. Default 0. */
  readonly outputPadding?: number | Triple | undefined
  /** Default 1. */
  readonly dilation?: number | Triple | undefined
  /** Default 1. */
  readonly groups?: number | undefined
}

/**
 * Transposed 3D convolution of `x` `[N, D, H, W, Cin]` with `weight` `[Cin, kD, kH, kW, Cout / groups]`, as PyTorch
 * defines it; gives `[N, D', H', W', Cout]` in the type of `x`, with
 * `D' = (D - 1) stride - 2 padding + dilation (kD - 1) + outputPadding + 1`. f32 accumulation. Where windows neither
 * overlap nor leave gaps it runs as one matrix product, else as one for each position between the voxels of `x`; volumes
 * beyond the adapter's binding limit go by slabs of their depth.
 *
 * @throws ShapeError when channels, groups or extents do not fit; LimitError where the weight, or what one slice of the
 * result reads, is beyond a binding.
 */
export function convTranspose3d(x: Tensor, weight: Tensor, options: ConvTranspose3dOptions = {}): Tensor {
  const { bias, groups = 1 } = options
  const resolved = {
    stride: triple(options.stride, 1),
    padding: triple(options.padding, 0),
    outputPadding: triple(options.outputPadding, 0),
    dilation: triple(options.dilation, 1),
    groups,
  }
  const inputs = bias ? [x, weight, bias] : [x, weight]
  return apply(convTranspose3dOp, inputs, resolved)
}
