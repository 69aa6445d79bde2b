import { checkDType } from '../../engine/dtype.js'
import {
  apply,
  type BackwardContext,
  defineOp,
  type ForwardContext,
  type OpCase,
  type OpDefinition,
  type ReferenceArray,
} from '../../engine/op.js'
import { normalizeAxis, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { largestOf } from '../reduce/reference.js'
import { aroundAxis } from '../variance/fold.js'
import { runMappedSum } from '../variance/mapped-sum.js'
import { runExponentialSums } from './fold.js'
import { fusesRows, softmaxGradientKernel, softmaxKernel } from './kernel.js'

export interface SoftmaxOptions {
  /** Default -1, the last. */
  readonly axis?: number | undefined
}

interface Expressions {
  readonly name: string
  readonly logarithm: boolean
  /** Over x, largest and sum. */
  readonly forward: string
  /** What the gradient sums, over y and g. */
  readonly gradientTerm: string
  /** Over y, g and that sum. */
  readonly gradient: string
  readonly reference: (value: number, largest: number, sum: number) => number
}

const extentsOf = (name: string, shape: readonly number[], { axis = -1 }: SoftmaxOptions) =>
  aroundAxis(shape, normalizeAxis(name, axis, shape.length))

function forward(kind: Expressions, context: ForwardContext, x: Tensor, options: SoftmaxOptions): Tensor {
  const { outer, length, inner } = extentsOf(kind.name, x.shape, options)
  const y = context.empty()
  if (x.size === 0) return y
  if (fusesRows(outer, length, inner)) {
    const problem = { rows: outer, length, dtype: x.dtype, logarithm: kind.logarithm }
    context.run({ kernel: softmaxKernel, problem, inputs: [x], outputs: [y] })
    return y
  }
  const largest = context.empty([outer, 1, inner], 'f32')
  const sum = context.empty([outer, 1, inner], 'f32')
  runExponentialSums(context, x, [{ outer, length, inner }], { largest, sum })
  const fn = { name: kind.name, arguments: ['x', 'largest', 'sum'], expression: kind.forward, options: [] }
  const shape = [outer, length, inner]
  runElementwise({ fn, options: [], inputs: [x.alias(shape), largest, sum], output: y.alias(shape) }, context.run)
  return y
}

function backward(kind: Expressions, context: BackwardContext, dy: Tensor, y: Tensor, options: SoftmaxOptions): Tensor {
  const { outer, length, inner } = extentsOf(kind.name, y.shape, options)
  const dx = context.empty(y.shape, y.dtype)
  if (y.size === 0) return dx
  if (fusesRows(outer, length, inner)) {
    const problem = { rows: outer, length, dtype: y.dtype, logarithm: kind.logarithm }
    context.run({ kernel: softmaxGradientKernel, problem, inputs: [dy, y], outputs: [dx] })
    return dx
  }
  const sum = context.empty([outer, 1, inner], 'f32')
  runMappedSum(context, {
    name: `${kind.name} gradient`,
    operands: [
      { name: 'y', tensor: y },
      { name: 'g', tensor: dy },
    ],
    terms: [kind.gradientTerm],
    results: [{ tensor: sum }],
    runs: [{ outer, length, inner }],
  })
  const fn = { name: `${kind.name} gradient`, arguments: ['y', 'g', 'sum'], expression: kind.gradient, options: [] }
  const shape = [outer, length, inner]
  const inputs = [y.alias(shape), dy.alias(shape), sum]
  runElementwise({ fn, options: [], inputs, output: dx.alias(shape) }, context.run)
  return dx
}

function reference(kind: Expressions, x: ReferenceArray, options: SoftmaxOptions): ReferenceArray {
  const { outer, length, inner } = extentsOf(kind.name, x.shape, options)
  const data = new Float64Array(x.data.length)
  for (let column = 0; column < outer * inner; column++) {
    const places = Array.from({ length }, (_, i) => {
      return (Math.floor(column / inner) * length + i) * inner + (column % inner)
    })
    const largest = largestOf(places.map((place) => x.data[place]!))
    const sum = places.reduce((total, place) => total + Math.exp(x.data[place]! - largest), 0)
    for (const place of places) data[place] = kind.reference(x.data[place]!, largest, sum)
  }
  return { data, shape: x.shape }
}

const large = [1e4, 9999, -1e4, 0, 1e4, 9998, -9997, -1e4, -9999, -9998]

const cases: readonly OpCase<SoftmaxOptions>[] = [
  { name: 'odd rows', inputs: [{ shape: [3, 5, 7], range: [-4, 4] }], options: {} },
  { name: 'whole vectors', inputs: [{ shape: [9, 36] }], options: { axis: 1 } },
  { name: 'first axis', inputs: [{ shape: [5, 3, 4] }], options: { axis: 0 } },
  { name: 'middle axis', inputs: [{ shape: [2, 70, 3] }], options: { axis: -2 } },
  { name: 'one element', inputs: [{ shape: [4, 1] }], options: { axis: 1 } },
  { name: 'no rows', inputs: [{ shape: [0, 3] }], options: { axis: 1 } },
  { name: 'many rows', inputs: [{ shape: [300, 3] }], options: { axis: 1 } },
  { name: 'large logits', inputs: [{ shape: [2, 5], values: large }], options: {} },
  { name: 'attention scores', inputs: [{ shape: [12 * 512, 512] }], options: {}, bench: true },
  { name: 'classes of voxels', inputs: [{ shape: [96 ** 3, 14] }], options: {}, bench: true },
  { name: 'few long rows', inputs: [{ shape: [4, 1 << 20] }], options: {}, bench: true },
  { name: 'columns', inputs: [{ shape: [1024, 4096] }], options: { axis: 0 }, bench: true },
]

function define(kind: Expressions, doc: string): OpDefinition<SoftmaxOptions> {
  return defineOp<SoftmaxOptions>({
    name: kind.name,
    doc,
    shape([x], options) {
      checkDType(kind.name, ['f32', 'f16'], x!)
      normalizeAxis(kind.name, options.axis ?? -1, x!.shape.length)
      return [{ shape: x!.shape, dtype: x!.dtype }]
    },
    forward(context, [x], options) {
      const y = forward(kind, context, x!, options)
      context.save(y)
      return y
    },
    backward: (context, [dy], [y], options) => [backward(kind, context, dy!, y!, options)],
    reference: ([x], options) => [reference(kind, x!, options)],
    cost: ([x]) => ({ flops: 5 * sizeOf(x!.shape), bytes: 8 * sizeOf(x!.shape) }),
    cases,
  })
}

const softmaxOp = define(
  {
    name: 'softmax',
    logarithm: false,
    forward: 'exp(x - largest) / sum',
    gradientTerm: 'y * g',
    gradient: 'y * (g - sum)',
    reference: (value, largest, sum) => Math.exp(value - largest) / sum,
  },
  'Exponentials along an axis, divided by their sum.',
)

const logSoftmaxOp = define(
  {
    name: 'logSoftmax',
    logarithm: true,
    forward: '(x - largest) - log(sum)',
    gradientTerm: 'g',
    gradient: 'g - exp(y) * sum',
    reference: (value, largest, sum) => value - largest - Math.log(sum),
  },
  'Logarithm of softmax along an axis.',
)

/** `exp(x)` divided by its sum along `axis` (default the last) of a float tensor; stable for logits of any magnitude. */
export function softmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return apply(softmaxOp, [x], options)
}

/** The logarithm of {@link softmax}, computed without forming it. */
export function logSoftmax(x: Tensor, options: SoftmaxOptions = {}): Tensor {
  return apply(logSoftmaxOp, [x], options)
}
