/** The pooling kernels, and pooling as the passes that {@link poolPasses} asks for. */
import type { DType } from '../../engine/dtype.js'
import { type DispatchRequest, defineKernel, type KernelVariant } from '../../engine/kernel.js'
import { type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { vectorTypes, vectorWidth } from '../variance/vector.js'
import averageWgsl from './average.wgsl'
import averageGradientWgsl from './average-gradient.wgsl'
import maxWgsl from './max.wgsl'
import maxGradientWgsl from './max-gradient.wgsl'
import { pooledShape, poolPasses, type WindowAxes } from './windows.js'
import windowsWgsl from './windows.wgsl'

interface PoolProblem {
  readonly samples: number
  readonly channels: number
  readonly axes: WindowAxes
  readonly source: DType
  readonly target: DType
  /** Whether the maximum writes down where it was found. */
  readonly records: boolean
}

const record = (records: boolean): string =>
  records
    ? `@group(0) @binding(2) var<storage, read_write> winner: array<Index>;
fn record(i: u32, first: Index) { winner[i] = first; }
`
    : 'fn record(i: u32, first: Index) {}\n'

function typesOf({ channels, source, target }: PoolProblem): Record<string, string> {
  const width = vectorWidth(channels)
  const lanes = (type: string) => (width === 4 ? `vec4<${type}>` : type)
  const numbers = vectorTypes(width, { Source: source, Target: target })
  return { ...numbers, Index: lanes('i32'), Bits: lanes('u32'), Mask: lanes('bool') }
}

const variant = (wgsl: string, side: 'extent' | 'outputs', code: (records: boolean) => string) => {
  const count = ({ samples, channels, axes }: PoolProblem) =>
    samples * sizeOf(axes.map((axis) => axis[side])) * (channels / vectorWidth(channels))
  return {
    name: 'portable',
    wgsl,
    key: ({ channels, source, target, axes, records }) =>
      `|${vectorWidth(channels)}|${source}|${target}|${axes[0].adaptive}|${records}`,
    specialize: (problem) => ({
      types: typesOf(problem),
      constants: { ADAPTIVE: problem.axes[0].adaptive },
      code: code(problem.records) + windowsWgsl,
    }),
    parameters(writer, problem) {
      const { channels, axes } = problem
      writer
        .u32(count(problem))
        .u32(channels / vectorWidth(channels))
        .f32(Number.NEGATIVE_INFINITY)
        .u32(0)
      for (const { extent, outputs, kernel, stride, padding, dilation, countsPadding } of axes) {
        const fields = [extent, outputs, kernel, stride, padding, dilation, countsPadding ? 1 : 0]
        writer.signedVectors(fields, 8)
      }
    },
    workgroups: (problem) => Math.ceil(count(problem) / 256),
  } satisfies KernelVariant<PoolProblem>
}

const none = () => ''

const maxKernel = defineKernel<PoolProblem>({ name: 'maxPool3d', variants: [variant(maxWgsl, 'outputs', record)] })
const maxGradientKernel = defineKernel<PoolProblem>({
  name: 'maxPool3dGradient',
  variants: [variant(maxGradientWgsl, 'extent', none)],
})
const averageKernel = defineKernel<PoolProblem>({
  name: 'avgPool3d',
  variants: [variant(averageWgsl, 'outputs', none)],
})
const averageGradientKernel = defineKernel<PoolProblem>({
  name: 'avgPool3dGradient',
  variants: [variant(averageGradientWgsl, 'extent', none)],
})

interface PoolContext {
  empty(shape: Shape, dtype?: DType): Tensor
  run<P>(request: DispatchRequest<P>): void
}

interface Pass {
  readonly axes: WindowAxes
  readonly input: Tensor
  readonly output: Tensor
}

const problemOf = ({ axes, input, output }: Pass, records = false): PoolProblem => ({
  samples: input.shape[0]!,
  channels: input.shape[4]!,
  axes,
  source: input.dtype,
  target: output.dtype,
  records,
})

const volumeShape = (shape: Shape, axes: WindowAxes): Shape => [
  shape[0]!,
  ...axes.map(({ extent }) => extent),
  shape[4]!,
]

/** Runs passes one after the other; what lies between two of them is of type `between`. Returns the last output. */
function chain(
  context: PoolContext,
  x: Tensor,
  passes: readonly WindowAxes[],
  shapeOf: (shape: Shape, axes: WindowAxes) => Shape,
  types: { readonly between: DType; readonly last: DType },
  run: (pass: Pass, index: number) => void,
): Tensor {
  let input = x
  for (const [index, axes] of passes.entries()) {
    const dtype = index === passes.length - 1 ? types.last : types.between
    const output = context.empty(shapeOf(input.shape, axes), dtype)
    run({ axes, input, output }, index)
    input = output
  }
  return input
}

/** Records the average of each window. */
export function averagePool(context: PoolContext, x: Tensor, axes: WindowAxes): Tensor {
  return chain(context, x, poolPasses(axes), pooledShape, { between: 'f32', last: x.dtype }, (pass) =>
    context.run({ kernel: averageKernel, problem: problemOf(pass), inputs: [pass.input], outputs: [pass.output] }),
  )
}

/** Records the gradient of {@link averagePool}, of type `dtype`. */
export function averagePoolGradient(context: PoolContext, dy: Tensor, axes: WindowAxes, dtype: DType): Tensor {
  const passes = [...poolPasses(axes)].reverse()
  return chain(context, dy, passes, volumeShape, { between: 'f32', last: dtype }, (pass) =>
    context.run({
      kernel: averageGradientKernel,
      problem: problemOf(pass),
      inputs: [pass.input],
      outputs: [pass.output],
    }),
  )
}

/** Records the maximum of each window; with `winners`, appends what {@link maxPoolGradient} needs. */
export function maxPool(context: PoolContext, x: Tensor, axes: WindowAxes, winners: Tensor[] | undefined): Tensor {
  return chain(context, x, poolPasses(axes), pooledShape, { between: x.dtype, last: x.dtype }, (pass) => {
    const winner = winners && context.empty(pass.output.shape, 'i32')
    if (winner) winners.push(winner)
    context.run({
      kernel: maxKernel,
      problem: problemOf(pass, winners !== undefined),
      inputs: [pass.input],
      outputs: [pass.output, ...(winner ? [winner] : [])],
    })
  })
}

/** Records the gradient of {@link maxPool}, of type `dtype`. */
export function maxPoolGradient(
  context: PoolContext,
  dy: Tensor,
  winners: readonly Tensor[],
  axes: WindowAxes,
  dtype: DType,
): Tensor {
  const passes = [...poolPasses(axes)].reverse()
  return chain(context, dy, passes, volumeShape, { between: 'f32', last: dtype }, (pass, index) =>
    context.run({
      kernel: maxGradientKernel,
      problem: problemOf(pass),
      inputs: [pass.input, winners[winners.length - 1 - index]!],
      outputs: [pass.output],
    }),
  )
}
