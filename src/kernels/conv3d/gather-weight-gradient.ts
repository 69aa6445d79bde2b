/** Gradients of weights of few channels per group; see gather-weight-gradient.wgsl and depthwise-weight-gradient.wgsl. */
import type { Capabilities } from '../../engine/capabilities.js'
import { bytesPerElement, type DType } from '../../engine/dtype.js'
import { defineKernel, type KernelVariant } from '../../engine/kernel.js'
import depthwiseWgsl from './depthwise-weight-gradient.wgsl'
import weightGradientWgsl from './gather-weight-gradient.wgsl'
import { type Triple, volumeOf } from './geometry.js'
import { component, element, fourFrom, widthOf } from './widths.js'

const powerOfTwoFrom = (n: number) => 2 ** Math.ceil(Math.log2(Math.max(1, n)))

/** The gradient of a weight `[coarse channels, kernel, fine channels / groups]` (see gather-weight-gradient.wgsl). */
export interface GatherWeightGradientProblem {
  readonly batch: number
  readonly fine: Triple
  readonly coarse: Triple
  readonly kernel: Triple
  readonly stride: Triple
  readonly padding: Triple
  readonly dilation: Triple
  readonly groups: number
  /** Elements of the bindings at which the volumes begin. */
  readonly fineFirst: number
  readonly coarseFirst: number
  readonly fineChannels: number
  readonly coarseChannels: number
  readonly fineType: DType
  readonly coarseType: DType
  readonly parts: number
}

/** Coarse channels per invocation. */
const blockOf = ({ coarseChannels, groups }: GatherWeightGradientProblem) =>
  Math.min(16, powerOfTwoFrom(coarseChannels / groups))

const columnsOf = ({ kernel, fineChannels, groups }: GatherWeightGradientProblem) =>
  (volumeOf(kernel) * fineChannels) / groups / widthOf(fineChannels / groups)

const columnLanes = (problem: GatherWeightGradientProblem, { software }: Capabilities) =>
  software ? 8 * Math.ceil(Math.min(32, columnsOf(problem)) / 8) : 64

const blocksOf = (problem: GatherWeightGradientProblem) =>
  problem.groups * Math.ceil(problem.coarseChannels / problem.groups / blockOf(problem))

/** Invocations that keep a large GPU busy. */
const enoughInvocations = 2 ** 16
/** Of the bytes of both volumes, what partial results may take. */
const partialShare = 1 / 8

/** Parts into which the coarse lines are cut. */
export function weightGradientParts(problem: Omit<GatherWeightGradientProblem, 'parts'>): number {
  const { batch, fine, coarse, kernel, groups, fineChannels, coarseChannels, fineType, coarseType } = problem
  const whole = { ...problem, parts: 1 }
  const weightBytes = (4 * coarseChannels * volumeOf(kernel) * fineChannels) / groups
  const fineBytes = volumeOf(fine) * fineChannels * bytesPerElement(fineType)
  const coarseBytes = volumeOf(coarse) * coarseChannels * bytesPerElement(coarseType)
  const affordable = Math.floor((partialShare * batch * (fineBytes + coarseBytes)) / weightBytes)
  const invocations = isDepthwise(whole) ? channelTasksOf(whole) : blocksOf(whole) * columnsOf(whole)
  const wanted = Math.ceil(enoughInvocations / invocations)
  return Math.max(1, Math.min(wanted, batch * coarse[0] * coarse[1], affordable))
}

const isDepthwise = ({ groups, fineChannels, coarseChannels }: GatherWeightGradientProblem) =>
  groups === fineChannels && groups === coarseChannels

/** Taps along W that a depthwise invocation owns. */
const ownTaps = ({ kernel }: GatherWeightGradientProblem) => Math.min(kernel[2], 4)

/** Invocations of a part, depthwise: for four channels and their own taps each. */
const channelTasksOf = (problem: GatherWeightGradientProblem) =>
  Math.ceil(problem.fineChannels / 4) * problem.kernel[0] * problem.kernel[1] * tapBlocksOf(problem)

const tapBlocksOf = (problem: GatherWeightGradientProblem) => Math.ceil(problem.kernel[2] / ownTaps(problem))

const depthwiseLanes = ({ software }: Capabilities) => (software ? 8 : 64)

const depthwise: KernelVariant<GatherWeightGradientProblem> = {
  name: 'depthwise',
  wgsl: depthwiseWgsl,
  supports: (_, problem) => isDepthwise(problem),
  specialize(problem, capabilities) {
    const width = widthOf(problem.fineChannels)
    return {
      types: { Fine: element(problem.fineType, width), Coarse: element(problem.coarseType, width) },
      constants: { TAPS: ownTaps(problem), PER_VALUE: width, LANES: depthwiseLanes(capabilities) },
      code: fourFrom('coarseAt', 'coarse', width) + fourFrom('fineAt', 'fine', width),
    }
  },
  parameters(writer, problem) {
    const { batch, fine, coarse, kernel, stride, dilation, padding, parts, fineChannels } = problem
    writer
      .vectors(fine, 4)
      .vectors(coarse, 4)
      .vectors([...kernel, tapBlocksOf(problem)], 4)
    writer.signedVectors(stride, 4).signedVectors(dilation, 4).signedVectors(padding, 4)
    writer
      .u32(batch * coarse[0] * coarse[1])
      .u32(parts)
      .u32(fineChannels)
    writer
      .u32(Math.ceil(fineChannels / 4))
      .u32(problem.fineFirst)
      .u32(problem.coarseFirst)
  },
  workgroups: (problem, capabilities) =>
    Math.ceil((channelTasksOf(problem) * problem.parts) / depthwiseLanes(capabilities)),
}

/** Inputs coarse and fine; output the gradient by parts. */
export const gatherWeightGradientKernel = defineKernel<GatherWeightGradientProblem>({
  name: 'convolve3dWeightGradient',
  variants: [
    depthwise,
    {
      name: 'portable',
      wgsl: weightGradientWgsl,
      specialize(problem, capabilities) {
        const fineWidth = widthOf(problem.fineChannels / problem.groups)
        const coarseWidth = widthOf(problem.coarseChannels / problem.groups)
        return {
          types: {
            Fine: element(problem.fineType, fineWidth),
            Value: element('f32', fineWidth),
            Coarse: element(problem.coarseType, coarseWidth),
            CoarseValue: element('f32', coarseWidth),
          },
          constants: {
            COARSE_WIDTH: coarseWidth,
            BLOCK: blockOf(problem),
            LANES: columnLanes(problem, capabilities),
          },
          code: component(coarseWidth),
        }
      },
      parameters(writer, problem) {
        const { batch, fine, coarse, kernel, stride, padding, dilation, groups, parts } = problem
        const width = widthOf(problem.fineChannels / groups)
        writer.vectors(fine, 4).vectors(coarse, 4).vectors(kernel, 4)
        writer.signedVectors(stride, 4).signedVectors(dilation, 4).signedVectors(padding, 4)
        writer.u32(batch * coarse[0] * coarse[1]).u32(parts)
        writer.u32(problem.fineChannels / width).u32(problem.coarseChannels)
        writer.u32(problem.fineChannels / groups / width).u32(problem.coarseChannels / groups)
        writer
          .u32(blocksOf(problem) / groups)
          .u32(blocksOf(problem))
          .u32(columnsOf(problem))
          .u32(problem.fineFirst / width)
          .u32(problem.coarseFirst)
      },
      workgroups: (problem, capabilities) =>
        Math.ceil(columnsOf(problem) / columnLanes(problem, capabilities)) * blocksOf(problem) * problem.parts,
    },
  ],
})
