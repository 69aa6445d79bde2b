import type { DType } from '../../engine/dtype.js'
import { type DispatchRequest, defineKernel, type KernelVariant } from '../../engine/kernel.js'
import { apply, defineOp } from '../../engine/op.js'
import { normalizeAxis, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { aroundAxis, type Extents } from '../variance/fold.js'
import columnsWgsl from './columns.wgsl'
import segmentsWgsl from './segments.wgsl'

export interface CumsumOptions {
  /** Default -1, the last. */
  readonly axis?: number | undefined
}

interface CumsumProblem extends Extents {
  readonly dtype: DType
  readonly reversed: boolean
}

const both: Pick<KernelVariant<CumsumProblem>, 'specialize' | 'parameters'> = {
  specialize: ({ dtype, reversed }) => ({
    types: { Element: dtype, Accumulator: dtype === 'f16' ? 'f32' : dtype },
    constants: { REVERSED: reversed },
  }),
  parameters: (writer, { outer, length, inner }) =>
    writer
      .u32(outer * inner)
      .u32(inner)
      .u32(length),
}

const cumsumKernel = defineKernel<CumsumProblem>({
  name: 'cumsum',
  variants: [
    {
      name: 'segments',
      wgsl: segmentsWgsl,
      ...both,
      supports: (_, { outer, length, inner }) => length >= 512 && outer * inner < 4096,
      workgroups: ({ outer, inner }) => outer * inner,
    },
    { name: 'columns', wgsl: columnsWgsl, ...both, workgroups: ({ outer, inner }) => Math.ceil((outer * inner) / 256) },
  ],
})

interface RunContext {
  empty(shape: Shape, dtype?: DType): Tensor
  run<P>(request: DispatchRequest<P>): void
}

function runCumsum(context: RunContext, x: Tensor, { axis = -1 }: CumsumOptions, reversed: boolean): Tensor {
  const y = context.empty(x.shape, x.dtype)
  const extents = aroundAxis(x.shape, normalizeAxis('cumsum', axis, x.shape.length))
  context.run({ kernel: cumsumKernel, problem: { ...extents, dtype: x.dtype, reversed }, inputs: [x], outputs: [y] })
  return y
}

const cumsumOp = defineOp<CumsumOptions>({
  name: 'cumsum',
  doc: 'Running sums along an axis.',
  shape([x], { axis = -1 }) {
    normalizeAxis('cumsum', axis, x!.shape.length)
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  forward: (context, [x], options) => runCumsum(context, x!, options, false),
  backward: (context, [dy], _, options) => [runCumsum(context, dy!, options, true)],
  reference([x], { axis = -1 }) {
    const { outer, length, inner } = aroundAxis(x!.shape, normalizeAxis('cumsum', axis, x!.shape.length))
    const data = Float64Array.from(x!.data)
    for (let column = 0; column < outer * inner; column++) {
      const base = Math.floor(column / inner) * length * inner + (column % inner)
      for (let i = 1; i < length; i++) data[base + i * inner]! += data[base + (i - 1) * inner]!
    }
    return [{ data, shape: x!.shape }]
  },
  cost: ([x]) => ({ flops: sizeOf(x!.shape), bytes: 8 * sizeOf(x!.shape) }),
  cases: [
    { name: 'last axis', inputs: [{ shape: [3, 4, 37] }], options: {} },
    { name: 'first axis', inputs: [{ shape: [70, 3, 2] }], options: { axis: 0 } },
    { name: 'one long row', inputs: [{ shape: [1, 600] }], options: { axis: 1 } },
    { name: 'long columns', inputs: [{ shape: [2500, 2] }], options: { axis: 0 }, bench: true },
    { name: 'one element', inputs: [{ shape: [3, 1] }], options: {} },
    { name: 'no rows', inputs: [{ shape: [0, 3] }], options: {} },
    { name: 'rows', inputs: [{ shape: [8192, 1024] }], options: {}, bench: true },
  ],
})

/** Running sums along `axis` (default the last), the element itself included. f32 accumulation; integers wrap. */
export function cumsum(x: Tensor, options: CumsumOptions = {}): Tensor {
  return apply(cumsumOp, [x], options)
}
