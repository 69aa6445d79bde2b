/** Convolutions of few channels per group, tap by tap; see gather.wgsl. */
import type { Capabilities } from '../../engine/capabilities.js'
import type { DType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import { type Activation, activationCode } from '../elementwise/activation.js'
import gatherWgsl from './gather.wgsl'
import { map3, type Triple, volumeOf } from './geometry.js'
import packWgsl from './pack.wgsl'
import { component, element, fourFrom, widthOf } from './widths.js'

/** Strides of a weight whose last axis holds output channels, in elements; all multiples of 4. */
export interface WeightStrides {
  readonly group: number
  readonly tap: number
  readonly channel: number
}

/**
 * A gather over taps (see gather.wgsl). `convolve` reads windows of the input; `transpose` spreads the input, which is
 * the gradient of `convolve` by its input.
 */
export interface GatherProblem {
  readonly direction: 'convolve' | 'transpose'
  readonly batch: number
  readonly input: Triple
  readonly output: Triple
  readonly kernel: Triple
  readonly stride: Triple
  readonly padding: Triple
  readonly dilation: Triple
  readonly groups: number
  /** Every channel has a weight of its own; then `groups` is 1, and the weight lies as if channels were outputs. */
  readonly depthwise: boolean
  /** Elements of the bindings at which the volumes begin. */
  readonly inputFirst: number
  readonly outputFirst: number
  readonly inputChannels: number
  readonly outputChannels: number
  readonly weightStrides: WeightStrides
  readonly inputType: DType
  readonly weightType: DType
  readonly outputType: DType
  readonly biasType: DType | undefined
  readonly activation: Activation | undefined
}

const ones: Triple = [1, 1, 1]

/** How far apart the voxels of a tile are in the output. */
const divideOf = ({ direction, stride }: GatherProblem): Triple => (direction === 'transpose' ? stride : ones)

const quadsOf = ({ groups, outputChannels }: GatherProblem) => groups * Math.ceil(outputChannels / groups / 4)

/** The candidate of least cost; the first of equals. */
const cheapest = (candidates: readonly number[], cost: (candidate: number) => number): number =>
  candidates.reduce((best, candidate) => (cost(candidate) < cost(best) ? candidate : best))

/** Voxels per invocation: many share a weight read, but lines are cut into whole tiles. */
function voxelsOf(problem: GatherProblem): number {
  const line = Math.ceil(problem.output[2] / divideOf(problem)[2])
  return cheapest([8, 7, 6, 5, 4, 3, 2, 1], (voxels) => Math.ceil(line / voxels) * (voxels + 2))
}

/**
 * Invocations of a workgroup along channels and voxels: few idle ones, and many that read the same voxels. A GPU wants
 * whole waves; a CPU one vector of lanes on one voxel, whose share of the weight stays in cache.
 */
function lanesOf(problem: GatherProblem, { software }: Capabilities): [number, number] {
  const quads = quadsOf(problem)
  const size = software ? 8 : 64
  if (software && quads > 4) return [size, 1]
  const candidates = [64, 32, 16, 8, 4, 2, 1].filter((lanes) => lanes <= size)
  const channels = cheapest(candidates, (lanes) => Math.ceil(quads / lanes) * (lanes + 2))
  return [channels, size / channels]
}

function tilesOf(problem: GatherProblem) {
  const divide = divideOf(problem)
  const rows = map3((axis) => Math.ceil(problem.output[axis] / divide[axis]))
  const perLine = Math.ceil(rows[2] / voxelsOf(problem))
  return { rows, perLine, count: problem.batch * volumeOf(divide) * rows[0] * rows[1] * perLine }
}

const valueAt = 'fn valueAt(at: u32, left: u32) -> Value { return Value(input[at]); }\n'

/** Four channels times their four weights. */
const depthwiseTerms = 'fn component(x: vec4f, i: u32) -> vec4f { return x; }\n'

/** Inputs x, weight and bias (any tensor where there is none); output y. */
export const gatherKernel = defineKernel<GatherProblem>({
  name: 'convolve3d',
  variants: [
    {
      name: 'portable',
      wgsl: gatherWgsl,
      specialize(problem, capabilities) {
        const { inputChannels, groups, depthwise, inputType, weightType, outputType, biasType } = problem
        const width = widthOf(inputChannels / groups)
        const [channelLanes, voxelLanes] = lanesOf(problem, capabilities)
        return {
          types: {
            Input: element(inputType, width),
            Value: depthwise ? 'vec4f' : element('f32', width),
            Weight: weightType,
            Bias: biasType ?? 'f32',
            Output: outputType,
          },
          constants: {
            TERMS: depthwise ? 1 : width,
            PER_QUAD: depthwise ? 4 / width : 0,
            VOXELS: voxelsOf(problem),
            CHANNEL_LANES: channelLanes,
            VOXEL_LANES: voxelLanes,
            GROUPED: groups > 1,
            HAS_BIAS: biasType !== undefined,
          },
          code: [
            depthwise ? depthwiseTerms + fourFrom('valueAt', 'input', width) : component(width) + valueAt,
            activationCode(problem.activation),
          ].join('\n'),
        }
      },
      parameters(writer, problem) {
        const { direction, batch, input, output, kernel, stride, padding, dilation, groups, weightStrides } = problem
        const transposed = direction === 'transpose'
        const width = widthOf(problem.inputChannels / groups)
        const tiles = tilesOf(problem)
        writer.vectors([...input, batch], 4).vectors([...output, tiles.perLine], 4)
        writer.vectors(kernel, 4).vectors(divideOf(problem), 4, 1)
        writer.signedVectors(transposed ? ones : stride, 4)
        writer.signedVectors(transposed ? dilation.map((n) => -n) : dilation, 4)
        writer.signedVectors(transposed ? padding : padding.map((n) => -n), 4)
        writer.vectors(tiles.rows, 4)
        writer.u32(problem.inputChannels / width).u32(problem.outputChannels)
        writer.u32(problem.depthwise ? 1 : problem.inputChannels / groups / width).u32(problem.outputChannels / groups)
        writer.u32(quadsOf(problem) / groups).u32(quadsOf(problem))
        writer
          .u32(weightStrides.group / 4)
          .u32(weightStrides.tap / 4)
          .u32(weightStrides.channel / 4)
        writer
          .u32(tiles.count)
          .u32(problem.inputFirst / width)
          .u32(problem.outputFirst)
      },
      workgroups(problem, capabilities) {
        const [channelLanes, voxelLanes] = lanesOf(problem, capabilities)
        return Math.ceil(quadsOf(problem) / channelLanes) * Math.ceil(tilesOf(problem).count / voxelLanes)
      },
    },
  ],
})

export interface PackProblem {
  readonly dtype: DType
  readonly groups: number
  readonly taps: number
  /** Channels of a group that are summed over. */
  readonly contracted: number
  /** Output channels of a group. */
  readonly outputs: number
  /** Whether the weight's first axis holds the output channels. */
  readonly outputsFirst: boolean
}

const paddedOutputs = ({ outputs }: PackProblem) => 4 * Math.ceil(outputs / 4)

export const packedShape = (problem: PackProblem) => [
  problem.groups,
  problem.taps,
  problem.contracted,
  paddedOutputs(problem),
]

/** Input a weight; output it as gather.wgsl reads it. */
export const packKernel = defineKernel<PackProblem>({
  name: 'convolve3dPack',
  variants: [
    {
      name: 'portable',
      wgsl: packWgsl,
      specialize: ({ dtype, outputsFirst }) => ({
        types: { Weight: dtype },
        constants: { OUTPUTS_FIRST: outputsFirst },
      }),
      parameters: (writer, problem) =>
        writer
          .u32(packedShape(problem).reduce((a, b) => a * b))
          .u32(problem.taps)
          .u32(problem.contracted)
          .u32(problem.outputs)
          .u32(paddedOutputs(problem)),
      workgroups: (problem) => Math.ceil(packedShape(problem).reduce((a, b) => a * b) / 256),
    },
  ],
})
