/** What a product does to its result before it stores it: bias, activation, gate, scale and residual, with their gradients. */
import { checkDType } from '../../engine/dtype.js'
import { ShapeError, ValueError } from '../../engine/errors.js'
import type { BackwardContext, ForwardContext, ReferenceArray } from '../../engine/op.js'
import { formatShape, type Shape, sameShape } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import {
  type Activation,
  type ActivationName,
  activationExpression,
  activationReference,
  activationSlope,
  isToldByResult,
  resolveActivation,
} from '../elementwise/activation.js'
import { runElementwise } from '../elementwise/kernel.js'
import { sumTo } from '../reduce/sum-to.js'
import type { EpilogueOperand, StoredEpilogue } from './epilogue-code.js'

/** `residual + scale * multiply * activation(product + bias)`, computed in f32 before the result is stored. */
export interface EpilogueOptions {
  /** `[n]` */
  readonly bias?: Tensor | undefined
  readonly activation?: ActivationName | undefined
  /** Slope of `leaky-relu` below 0. Default 0.01. */
  readonly negativeSlope?: number | undefined
  /** Of the result's shape: the other branch of a gated unit (SwiGLU has `silu` as its activation). */
  readonly multiply?: Tensor | undefined
  /** A number, or `[n]`: a layer scale. */
  readonly scale?: number | Tensor | undefined
  /** Of the result's shape. */
  readonly residual?: Tensor | undefined
}

/** An epilogue whose tensors are inputs of the operation, behind its two factors. */
export interface Epilogue {
  readonly operands: readonly EpilogueOperand[]
  readonly activation?: Activation | undefined
  readonly factor: number
}

/** Options of an operation: without an epilogue, a third input is a bias. */
export interface WithEpilogue {
  readonly epilogue?: Epilogue | undefined
}

export const epilogueOf = ({ epilogue }: WithEpilogue, inputs: number): Epilogue =>
  epilogue ?? { operands: inputs > first ? ['bias'] : [], factor: 1 }

/** Factors in front of an epilogue's operands among an operation's inputs. */
const first = 2

/** Splits what a caller gave into options and the tensors that follow the factors. */
export function resolveEpilogue(op: string, options: EpilogueOptions): { epilogue: Epilogue; tensors: Tensor[] } {
  const { bias, multiply, scale, residual, activation, negativeSlope } = options
  const factor = typeof scale === 'number' ? scale : 1
  if (!Number.isFinite(factor)) throw new ValueError(`${op}: scale must be a finite number or a tensor, got ${factor}`)
  const given = { bias, multiply, scale: typeof scale === 'number' ? undefined : scale, residual }
  const entries = Object.entries(given).filter((entry): entry is [EpilogueOperand, Tensor] => entry[1] !== undefined)
  return {
    epilogue: {
      operands: entries.map(([name]) => name),
      activation: resolveActivation(op, activation, negativeSlope),
      factor,
    },
    tensors: entries.map(([, tensor]) => tensor),
  }
}

/** Checks the tensors of an epilogue against the result's shape. */
export function checkEpilogue(op: string, { operands }: Epilogue, specs: readonly TensorSpec[], result: Shape): void {
  checkDType(op, ['f32', 'f16'], ...specs)
  for (const [i, name] of operands.entries()) {
    const { shape } = specs[i]!
    const isRow = name === 'bias' || name === 'scale'
    if (sameShape(shape, isRow ? result.slice(-1) : result)) continue
    const want = isRow
      ? `one value for each of the ${result.at(-1)} columns`
      : `the result's shape ${formatShape(result)}`
    throw new ShapeError(`${op}: the ${name} ${formatShape(shape)} does not have ${want}`)
  }
}

/** What the gradients need beside the inputs: the result, the sum in front of the activation, or nothing. */
type Kept = 'result' | 'sum' | undefined

function keptFor({ operands, activation, factor }: Epilogue, needs: readonly boolean[]): Kept {
  const needed = (name: EpilogueOperand) => operands.includes(name) && needs[first + operands.indexOf(name)]!
  const isLast = factor === 1 && operands.every((name) => name === 'bias')
  if (!activation) return needed('multiply') || needed('scale') ? 'sum' : undefined
  if (isLast && isToldByResult(activation)) return 'result'
  return needs.some((need, i) => need && operands[i - first] !== 'residual') ? 'sum' : undefined
}

/** An epilogue as one dispatch computes it, and what the tape keeps for {@link epilogueGradients}. */
export interface FusedEpilogue {
  readonly stored: StoredEpilogue
  /** A second output, of the result's shape. */
  readonly sums: Tensor | undefined
  save(y: Tensor): Tensor[]
}

export function fuseEpilogue(
  context: ForwardContext,
  { operands, activation, factor }: Epilogue,
  tensors: readonly Tensor[],
  inputs: readonly Tensor[],
): FusedEpilogue {
  const needs = inputs.map(({ requiresGrad }) => requiresGrad)
  const kept = context.recording ? keptFor({ operands, activation, factor }, needs) : undefined
  const sums = kept === 'sum' ? context.empty() : undefined
  const factors = tensors.filter((_, i) => operands[i] === 'multiply' || operands[i] === 'scale')
  return {
    stored: {
      operands: operands.map((name, i) => ({ name, dtype: tensors[i]!.dtype })),
      activation,
      factor,
      keepsSum: sums !== undefined,
    },
    sums,
    save: (y) => [...(kept ? [sums ?? y] : []), ...factors],
  }
}

/**
 * Gradients of the plain product and of the epilogue's operands. `saved` is what {@link FusedEpilogue.save} gave. One
 * elementwise pass for each that differs from the result's gradient.
 */
export function epilogueGradients(
  context: BackwardContext,
  epilogue: Epilogue,
  dy: Tensor,
  saved: readonly Tensor[],
): { product: Tensor; operands: (Tensor | undefined)[] } {
  const { operands, activation, factor } = epilogue
  const kept = keptFor(epilogue, context.needs)
  const factors = operands.filter((name) => name === 'multiply' || name === 'scale')
  const names = [...(kept ? ['x'] : []), ...factors]
  const named = new Map<string, Tensor>([['g', dy], ...names.map((name, i) => [name, saved[i]!] as const)])
  const values = new Map([
    ['slope', activation?.slope ?? 0],
    ['factor', factor],
  ])
  const evaluate = (expression: string): Tensor => {
    if (expression === 'g') return dy
    const mentioned = (name: string) => new RegExp(`\\b${name}\\b`).test(expression)
    const inputs = [...named.keys()].filter(mentioned)
    const options = [...values.keys()].filter(mentioned)
    const output = context.empty(dy.shape, dy.dtype)
    runElementwise(
      {
        fn: { name: `epilogue gradient ${expression}`, arguments: inputs, expression, options },
        options: options.map((name) => values.get(name)!),
        inputs: inputs.map((name) => named.get(name)!),
        output,
      },
      context.run,
    )
    return output
  }
  const upstream = (without?: string) =>
    ['g', ...(factor === 1 ? [] : ['factor']), ...factors.filter((name) => name !== without)].join(' * ')
  const active = activation ? activationExpression(activation) : 'x'
  const needed = (name: EpilogueOperand) => operands.includes(name) && context.needs[first + operands.indexOf(name)]!
  const reachesProduct = context.needs[0] || context.needs[1] || needed('bias')
  const product = reachesProduct ? evaluate(activation ? activationSlope(activation, upstream()) : upstream()) : dy
  const gradientOf: Record<EpilogueOperand, () => Tensor> = {
    bias: () => product,
    multiply: () => evaluate(`${upstream('multiply')} * ${active}`),
    scale: () => evaluate(`${upstream('scale')} * ${active}`),
    residual: () => dy,
  }
  return {
    product,
    operands: operands.map((name, i) =>
      needed(name) ? sumTo(context, gradientOf[name](), context.inputs[first + i]!.shape) : undefined,
    ),
  }
}

/** The epilogue over a product `[..., n]` in float64. */
export function epilogueReference(
  product: ReferenceArray,
  { operands, activation, factor }: Epilogue,
  tensors: readonly ReferenceArray[],
): ReferenceArray {
  const n = product.shape.at(-1)!
  const operand = (name: EpilogueOperand) => tensors[operands.indexOf(name)]?.data
  const [bias, multiply, scale, residual] = [
    operand('bias'),
    operand('multiply'),
    operand('scale'),
    operand('residual'),
  ]
  const sums = product.data.map((value, at) => value + (bias?.[at % n] ?? 0))
  const { data } = activationReference({ data: sums, shape: product.shape }, activation)
  return {
    data: data.map(
      (value, at) => (residual?.[at] ?? 0) + factor * (scale?.[at % n] ?? 1) * (multiply?.[at] ?? 1) * value,
    ),
    shape: product.shape,
  }
}

/** Bytes that an epilogue reads, of f32. */
export const epilogueBytes = (specs: readonly TensorSpec[]): number =>
  specs.reduce((sum, { shape }) => sum + 4 * shape.reduce((a, b) => a * b, 1), 0)
