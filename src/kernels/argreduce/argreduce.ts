import type { DType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp, type OpCase, type OpDefinition } from '../../engine/op.js'
import { formatShape, normalizeAxis, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { reducedShape } from '../reduce/reduce.js'
import { largestOf, reduceReference, smallestOf } from '../reduce/reference.js'
import { aroundAxis, runFold } from '../variance/fold.js'
import extremeWgsl from './extreme.wgsl'
import extremeBlockWgsl from './extreme-block.wgsl'
import orderWgsl from './order.wgsl'

export interface ArgReduceOptions {
  /** Default -1, the last. */
  readonly axis?: number | undefined
}

/** `rankOf` for the largest or smallest element first; NaN is found before either. */
function rankCode(dtype: DType, smallest: boolean): string {
  const turned = smallest ? '~' : ''
  if (dtype === 'u32') return `fn rankOf(x: u32) -> u32 { return ${turned}x; }`
  if (dtype === 'i32') return `fn rankOf(x: i32) -> u32 { return ${turned}(bitcast<u32>(x) ^ 0x80000000u); }`
  return `${orderWgsl}
fn rankOf(x: ${dtype}) -> u32 {
  let order = orderOf(f32(x));
  return ${smallest ? 'select(~order, order, order == 0xffffffffu)' : 'order'};
}`
}

const tie = [1, 3, 3, 2, 3, -1, -1, 0, -2, -2]

const cases: readonly OpCase<ArgReduceOptions>[] = [
  { name: 'last axis', inputs: [{ shape: [3, 4, 37] }], options: {} },
  { name: 'first axis', inputs: [{ shape: [50, 3, 2] }], options: { axis: 0 } },
  { name: 'middle axis', inputs: [{ shape: [2, 70, 3] }], options: { axis: -2 } },
  { name: 'ties', inputs: [{ shape: [2, 5], values: tie }], options: { axis: 1 } },
  { name: 'integers', inputs: [{ shape: [2, 5], values: tie, dtype: 'i32' }], options: { axis: 1 } },
  { name: 'unsigned', inputs: [{ shape: [3, 8], range: [0, 5], dtype: 'u32' }], options: { axis: 1 } },
  { name: 'zeros of both signs', inputs: [{ shape: [4], values: [-0, 0, -0, 0] }], options: {} },
  { name: 'one element', inputs: [{ shape: [3, 1] }], options: {} },
  { name: 'no rows', inputs: [{ shape: [0, 4] }], options: {} },
  { name: 'a row in parts', inputs: [{ shape: [1, 20000] }], options: {} },
  { name: 'classes of voxels', inputs: [{ shape: [96 ** 3, 14] }], options: {}, bench: true },
  { name: 'few long rows', inputs: [{ shape: [4, 1 << 20] }], options: {}, bench: true },
]

function define(name: string, doc: string, smallest: boolean): OpDefinition<ArgReduceOptions> {
  return defineOp<ArgReduceOptions>({
    name,
    doc,
    differentiable: false,
    shape([x], { axis = -1 }) {
      const at = normalizeAxis(name, axis, x!.shape.length)
      if (x!.shape[at] === 0) throw new ShapeError(`${name}: axis ${at} of ${formatShape(x!.shape)} is empty`)
      return [{ shape: reducedShape(name, x!.shape, { axes: at }), dtype: 'i32' }]
    },
    forward(context, [x], { axis = -1 }) {
      const y = context.empty()
      runFold(context, {
        fn: {
          name,
          state: 'vec2<u32>',
          merge: extremeWgsl,
          block: `${rankCode(x!.dtype, smallest)}\n${extremeBlockWgsl}`,
          emit: '  indices[at] = i32(state.y);',
        },
        inputs: [{ name: 'x', tensor: x! }],
        results: [{ name: 'indices', tensor: y }],
        runs: [aroundAxis(x!.shape, normalizeAxis(name, axis, x!.shape.length))],
      })
      return y
    },
    reference([x], { axis = -1 }) {
      const axes = [normalizeAxis(name, axis, x!.shape.length)]
      const of = (values: readonly number[]) => {
        const best = smallest ? smallestOf(values) : largestOf(values)
        return values.indexOf(best)
      }
      return [reduceReference(x!, axes, reducedShape(name, x!.shape, { axes }), of)]
    },
    cost: ([x]) => ({ flops: sizeOf(x!.shape), bytes: 4 * sizeOf(x!.shape) }),
    cases,
  })
}

const argMaxOp = define('argMax', 'Index of the largest element along an axis; the first one of equals.', false)
const argMinOp = define('argMin', 'Index of the smallest element along an axis; the first one of equals.', true)

/**
 * i32 index of the largest element along `axis` (default the last), which disappears. Of equal elements the first one
 * wins; NaN is larger than everything.
 *
 * @throws ShapeError when the axis is empty.
 */
export function argMax(x: Tensor, options: ArgReduceOptions = {}): Tensor {
  return apply(argMaxOp, [x], options)
}

/** As {@link argMax} for the smallest element; NaN is smaller than everything. */
export function argMin(x: Tensor, options: ArgReduceOptions = {}): Tensor {
  return apply(argMinOp, [x], options)
}
