/** Makes operations of the rows of the elementwise table. */
import { type DType, isFloat } from '../../engine/dtype.js'
import { DTypeError } from '../../engine/errors.js'
import {
  type BackwardContext,
  type CaseInput,
  defineOp,
  type OpCase,
  type OpDefinition,
  type ReferenceArray,
} from '../../engine/op.js'
import { broadcastShapes, rowMajorStrides, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { sumTo } from '../reduce/sum-to.js'
import { type ElementwiseFunction, runElementwise } from './kernel.js'

export type ScalarOptions = Readonly<Record<string, number>>

/**
 * One row of the table. Expressions are WGSL over scalars and may use the functions of `math.wgsl`; gradients may also
 * use `g` (the output's gradient) and `r` (the result), and only what they mention is saved.
 */
export interface ElementwiseRow<Options extends ScalarOptions> {
  readonly name: string
  readonly doc: string
  /** Names of the inputs in the expressions; `x`, `y`, `z` by custom. */
  readonly arguments: readonly string[]
  readonly forward: string
  /** The same for i32 and u32 inputs, where it differs. */
  readonly integerForward?: string
  /** One per input; absent where the function is constant almost everywhere or an integer. */
  readonly gradients?: readonly (string | undefined)[]
  /** Names of at most three numbers. */
  readonly options?: readonly (keyof Options & string)[]
  /** `same` (default): the inputs' float type, f32 where f32 meets f16. `flag`: u32 with 0 and 1. */
  readonly output?: 'same' | 'flag'
  /** Inputs that select rather than count: their type does not enter the result's. */
  readonly selectors?: readonly string[]
  /** Whether i32 and u32 inputs make sense. */
  readonly integers?: boolean
  readonly reference: (values: readonly number[], options: Options) => number
  /** Where tests take inputs from; default [-2, 2]. */
  readonly range?: readonly [number, number]
  /** Options that tests use; default one empty set. */
  readonly examples?: readonly Options[]
  /** Floating-point operations per element, counting a transcendental as one; default 1. */
  readonly flops?: number
}

/** An operation with the WGSL of its function, for kernels that apply it to what they are about to store. */
export interface ElementwiseOp<Options> extends OpDefinition<Options> {
  /** The row's `forward`. */
  readonly expression: string
  /** The row's `gradients`. */
  readonly gradientExpressions: readonly (string | undefined)[]
}

/** Defines the operation of a row. */
export function elementwiseOp<Options extends ScalarOptions>(row: ElementwiseRow<Options>): ElementwiseOp<Options> {
  const optionNames = row.options ?? []
  const fn: ElementwiseFunction = {
    name: row.name,
    arguments: row.arguments,
    expression: row.forward,
    options: optionNames,
  }
  const integerFn = row.integerForward && { ...fn, expression: row.integerForward }
  const gradients = row.gradients?.map((text, i) => (text === undefined ? undefined : gradientFunction(row, text, i)))
  const needed = (name: string) => gradients?.some((gradient) => gradient?.fn.arguments.includes(name)) ?? false
  const savesResult = needed('r')
  const savedInputs = row.arguments.filter(needed)
  const values = (options: Options) => optionNames.map((name) => options[name]!)

  const op = defineOp<Options>({
    name: row.name,
    doc: row.doc,
    differentiable: row.gradients !== undefined,
    shape: (inputs) => [
      { shape: broadcastShapes(row.name, ...inputs.map(({ shape }) => shape)), dtype: resultType(row, inputs) },
    ],
    forward(context, inputs, options) {
      const output = context.empty()
      const chosen = integerFn && !isFloat(inputs[0]!.dtype) ? integerFn : fn
      runElementwise({ fn: chosen, options: values(options), inputs, output }, context.run)
      context.save(...savedInputs.map((name) => inputs[row.arguments.indexOf(name)]!))
      if (savesResult) context.save(output)
      return output
    },
    ...(gradients && {
      backward(context: BackwardContext, [dy]: readonly Tensor[], saved: readonly Tensor[], options: Options) {
        const byName = new Map<string, Tensor>(savedInputs.map((name, i) => [name, saved[i]!]))
        byName.set('g', dy!)
        if (savesResult) byName.set('r', saved.at(-1)!)
        return row.arguments.map((_, i) => {
          const gradient = gradients[i]
          if (!gradient || !context.needs[i]) return undefined
          const inputs = gradient.fn.arguments.map((name) => byName.get(name)!)
          const { shape } = context.inputs[i]!
          if (gradient.passesThrough) return sumTo(context, dy!, shape)
          const output = context.empty(dy!.shape, dy!.dtype)
          runElementwise({ fn: gradient.fn, options: values(options), inputs, output }, context.run)
          return sumTo(context, output, shape)
        })
      },
    }),
    reference: (inputs, options) => [referenceOf(row, inputs, options)],
    cost: (inputs) => {
      const shape = broadcastShapes(row.name, ...inputs.map((input) => input.shape))
      const elements = inputs.reduce((sum, input) => sum + sizeOf(input.shape), sizeOf(shape))
      return { flops: (row.flops ?? 1) * sizeOf(shape), bytes: 4 * elements }
    },
    cases: casesOf(row),
  })
  return { ...op, expression: row.forward, gradientExpressions: row.gradients ?? [] }
}

function gradientFunction<Options extends ScalarOptions>(
  row: ElementwiseRow<Options>,
  expression: string,
  index: number,
): { fn: ElementwiseFunction; passesThrough: boolean } {
  const mentions = (name: string) => new RegExp(`\\b${name}\\b`).test(expression)
  const names = [...row.arguments, 'r', 'g'].filter(mentions)
  const options = row.options ?? []
  return {
    fn: { name: `${row.name} gradient ${index}`, arguments: names, expression, options },
    passesThrough: expression === 'g',
  }
}

function resultType<Options extends ScalarOptions>(row: ElementwiseRow<Options>, inputs: readonly TensorSpec[]): DType {
  const types = inputs.filter((_, i) => !row.selectors?.includes(row.arguments[i]!)).map(({ dtype }) => dtype)
  const floats = types.filter(isFloat)
  if (floats.length !== types.length) {
    const uniform = types.every((dtype) => dtype === types[0])
    if (!row.integers) throw new DTypeError(`${row.name}: takes f32 or f16, got ${types.join(' and ')}: cast first`)
    if (!uniform) throw new DTypeError(`${row.name}: types ${types.join(' and ')} do not mix: cast first`)
  }
  if (row.output === 'flag') return 'u32'
  return types.find((dtype) => dtype !== 'f16') ?? 'f16'
}

function referenceOf<Options extends ScalarOptions>(
  row: ElementwiseRow<Options>,
  inputs: readonly ReferenceArray[],
  options: Options,
): ReferenceArray {
  const shape = broadcastShapes(row.name, ...inputs.map((input) => input.shape))
  const data = new Float64Array(sizeOf(shape))
  const readers = inputs.map((input) => broadcastReader(input, shape))
  for (let i = 0; i < data.length; i++)
    data[i] = row.reference(
      readers.map((read) => read(i)),
      options,
    )
  return { data, shape }
}

/** Reads element `i` of `shape` from an array that broadcasts to it. */
export function broadcastReader(input: ReferenceArray, shape: Shape): (i: number) => number {
  const outer = rowMajorStrides(shape)
  const inner = rowMajorStrides(input.shape)
  const lead = shape.length - input.shape.length
  return (i) => {
    let offset = 0
    for (let axis = 0; axis < input.shape.length; axis++) {
      if (input.shape[axis] !== 1) {
        offset += (Math.floor(i / outer[axis + lead]!) % shape[axis + lead]!) * inner[axis]!
      }
    }
    return input.data[offset]!
  }
}

function casesOf<Options extends ScalarOptions>(row: ElementwiseRow<Options>): OpCase<Options>[] {
  const range = row.range ?? [-2, 2]
  const input = (shape: Shape, name: string): CaseInput =>
    row.selectors?.includes(name) ? { shape, dtype: 'u32', range: [0, 2], differentiable: false } : { shape, range }
  const shapes: (readonly Shape[])[] =
    row.arguments.length === 1
      ? [[[7]], [[3, 5, 4]]]
      : [
          row.arguments.map(() => [2, 6]),
          // Strided; a row and a number; a column and a row.
          row.arguments.map((_, i) => ([[3, 1, 4], [2, 1], [1]] as const)[i]!),
          row.arguments.map((_, i) => ([[3, 4, 8], [8], []] as const)[i]!),
          row.arguments.map(
            (_, i) =>
              (
                [
                  [2, 3, 8],
                  [3, 1],
                  [3, 8],
                ] as const
              )[i]!,
          ),
        ]
  const examples = row.examples ?? [{} as Options]
  return [
    ...examples.flatMap((options, e) =>
      shapes.map((list, s) => ({
        name: `example ${e}, shapes ${s}`,
        inputs: list.map((shape, i) => input(shape, row.arguments[i]!)),
        options,
      })),
    ),
    {
      name: 'bandwidth',
      inputs: row.arguments.map((name) => input([1 << 22], name)),
      options: examples[0]!,
      bench: true,
    },
  ]
}
