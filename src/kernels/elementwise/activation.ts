/** Activations that products and convolutions apply to a result before they store it: rows of the elementwise table. */
import { ValueError } from '../../engine/errors.js'
import { apply, type BackwardContext, type ReferenceArray } from '../../engine/op.js'
import type { Tensor } from '../../engine/tensor.js'
import mathWgsl from './math.wgsl'
import type { ElementwiseOp } from './op.js'
import { rows } from './table.js'

export type ActivationName = 'relu' | 'leaky-relu' | 'gelu' | 'gelu-tanh' | 'silu'

export interface Activation {
  readonly name: ActivationName
  /** Of `leaky-relu` below 0; the others do not look at it. */
  readonly slope: number
}

/** A row looks only at the options that it names. */
const entries = {
  relu: rows.relu,
  'leaky-relu': rows.leakyRelu,
  gelu: rows.gelu,
  'gelu-tanh': rows.geluTanh,
  silu: rows.silu,
} as unknown as Readonly<Record<ActivationName, ElementwiseOp<{ slope: number }>>>

export function resolveActivation(op: string, name: ActivationName | undefined, slope = 0.01): Activation | undefined {
  if (name === undefined) return undefined
  if (!(name in entries)) {
    throw new ValueError(`${op}: the activation must be one of ${Object.keys(entries).join(', ')}, got "${name}"`)
  }
  if (!Number.isFinite(slope)) throw new ValueError(`${op}: negativeSlope must be a finite number, got ${slope}`)
  return { name, slope }
}

/** Whether the gradient can be told from the result, so that nothing else has to be kept for it. */
export const isToldByResult = ({ name, slope }: Activation): boolean =>
  name === 'relu' || (name === 'leaky-relu' && slope > 0)

/** `fn activate(x: f32) -> f32`; without an activation it returns `x`. */
export function activationCode(activation: Activation | undefined): string {
  if (!activation) return 'fn activate(x: f32) -> f32 { return x; }\n'
  const { name, slope } = activation
  return `${mathWgsl}\nfn activate(x: f32) -> f32 {\n  let slope = ${slope}f;\n  return ${entries[name].expression};\n}\n`
}

/** The activation of `x`, over the name `slope`: WGSL for an elementwise function. */
export const activationExpression = ({ name }: Activation): string => entries[name].expression

/** `gradient`, a WGSL expression, times the activation's derivative at `x`; over the names `x` and `slope`. */
export const activationSlope = ({ name }: Activation, gradient: string): string =>
  entries[name].gradientExpressions[0]!.replaceAll(/\bg\b/g, `(${gradient})`)

export function activate(x: Tensor, { name, slope }: Activation): Tensor {
  return apply(entries[name], [x], { slope })
}

/** The gradient of the activation's argument; `x` is that argument or, where it tells as much, the result. */
export function activationGradient(
  context: BackwardContext,
  { name, slope }: Activation,
  dy: Tensor,
  x: Tensor,
): Tensor {
  const inputs = [{ shape: x.shape, dtype: x.dtype }]
  return entries[name].backward!({ ...context, inputs, needs: [true] }, [dy], [x], { slope })[0]!
}

export function activationReference(y: ReferenceArray, activation: Activation | undefined): ReferenceArray {
  if (!activation) return y
  return entries[activation.name].reference([y], { slope: activation.slope })[0]!
}
