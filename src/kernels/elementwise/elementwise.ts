/** The public face of the elementwise table. */
import { noGrad } from '../../engine/autograd.js'
import { type DType, isFloat } from '../../engine/dtype.js'
import { ValueError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { runElementwise } from './kernel.js'
import { rows } from './table.js'

const none = {}

/** A tensor, or a number that meets every element. */
export type Operand = Tensor | number

/** `x + y` with broadcasting. */
export function add(x: Tensor, y: Operand): Tensor {
  return typeof y === 'number' ? affine(x, 1, y) : apply(rows.add, [x, y], none)
}

/** `x - y` with broadcasting. */
export function sub(x: Tensor, y: Operand): Tensor {
  return typeof y === 'number' ? affine(x, 1, -y) : apply(rows.sub, [x, y], none)
}

/** `x * y` with broadcasting. */
export function mul(x: Tensor, y: Operand): Tensor {
  return typeof y === 'number' ? affine(x, y, 0) : apply(rows.mul, [x, y], none)
}

/** `x / y` with broadcasting. */
export function div(x: Tensor, y: Operand): Tensor {
  return typeof y === 'number' ? affine(x, 1 / y, 0) : apply(rows.div, [x, y], none)
}

/** `x * scale + shift` with two numbers. */
export function affine(x: Tensor, scale: number, shift: number): Tensor {
  return apply(rows.affine, [x], { scale, shift })
}

/** The larger of two tensors, with broadcasting; ties share the gradient. */
export function maximum(x: Tensor, y: Tensor): Tensor {
  return apply(rows.maximum, [x, y], none)
}

/** The smaller of two tensors, with broadcasting; ties share the gradient. */
export function minimum(x: Tensor, y: Tensor): Tensor {
  return apply(rows.minimum, [x, y], none)
}

/** u32 flags: 1 where `x == y`. */
export function equal(x: Tensor, y: Tensor): Tensor {
  return apply(rows.equal, [x, y], none)
}

/** u32 flags: 1 where `x != y`. */
export function notEqual(x: Tensor, y: Tensor): Tensor {
  return apply(rows.notEqual, [x, y], none)
}

/** u32 flags: 1 where `x > y`. */
export function greater(x: Tensor, y: Tensor): Tensor {
  return apply(rows.greater, [x, y], none)
}

/** u32 flags: 1 where `x >= y`. */
export function greaterEqual(x: Tensor, y: Tensor): Tensor {
  return apply(rows.greaterEqual, [x, y], none)
}

/** u32 flags: 1 where `x < y`. */
export function less(x: Tensor, y: Tensor): Tensor {
  return apply(rows.less, [x, y], none)
}

/** u32 flags: 1 where `x <= y`. */
export function lessEqual(x: Tensor, y: Tensor): Tensor {
  return apply(rows.lessEqual, [x, y], none)
}

/** `x` where `condition` (u32, i32 or a float) is not 0, else `y`; all three broadcast. */
export function where(condition: Tensor, x: Tensor, y: Tensor): Tensor {
  return apply(rows.where, [condition, x, y], none)
}

/** `silu(gate) * value`: the gate of a SwiGLU block in one pass. */
export function siluGate(gate: Tensor, value: Tensor): Tensor {
  return apply(rows.siluGate, [gate, value], none)
}

/** `x + scale * branch`: a residual connection with layer scale in one pass; `scale` broadcasts. */
export function addScaled(x: Tensor, scale: Tensor, branch: Tensor): Tensor {
  return apply(rows.addScaled, [x, scale, branch], none)
}

/** `-x` */
export const neg = (x: Tensor): Tensor => apply(rows.neg, [x], none)
/** Magnitude; the gradient at 0 is 0. */
export const abs = (x: Tensor): Tensor => apply(rows.abs, [x], none)
/** -1, 0 or 1; no gradient. */
export const sign = (x: Tensor): Tensor => apply(rows.sign, [x], none)
/** Largest integer not above; no gradient. */
export const floor = (x: Tensor): Tensor => apply(rows.floor, [x], none)
/** Smallest integer not below; no gradient. */
export const ceil = (x: Tensor): Tensor => apply(rows.ceil, [x], none)
/** `e^x` */
export const exp = (x: Tensor): Tensor => apply(rows.exp, [x], none)
/** `e^x - 1`, accurate near 0. */
export const expm1 = (x: Tensor): Tensor => apply(rows.expm1, [x], none)
/** Natural logarithm. */
export const log = (x: Tensor): Tensor => apply(rows.log, [x], none)
/** `log(1 + x)`, accurate near 0. */
export const log1p = (x: Tensor): Tensor => apply(rows.log1p, [x], none)
/** Square root. */
export const sqrt = (x: Tensor): Tensor => apply(rows.sqrt, [x], none)
/** `1 / sqrt(x)` */
export const rsqrt = (x: Tensor): Tensor => apply(rows.rsqrt, [x], none)
/** `1 / x` */
export const reciprocal = (x: Tensor): Tensor => apply(rows.reciprocal, [x], none)
/** `x^2` */
export const square = (x: Tensor): Tensor => apply(rows.square, [x], none)
/** `x^exponent` for a number; integer exponents take negative `x`. */
export const pow = (x: Tensor, exponent: number): Tensor => apply(rows.pow, [x], { exponent })
/** Sine of radians. */
export const sin = (x: Tensor): Tensor => apply(rows.sin, [x], none)
/** Cosine of radians. */
export const cos = (x: Tensor): Tensor => apply(rows.cos, [x], none)
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => apply(rows.tanh, [x], none)
/** Error function; absolute error below 2e-7. */
export const erf = (x: Tensor): Tensor => apply(rows.erf, [x], none)
/** `1 / (1 + e^-x)` */
export const sigmoid = (x: Tensor): Tensor => apply(rows.sigmoid, [x], none)
/** `log(sigmoid(x))`, stable for large magnitudes. */
export const logSigmoid = (x: Tensor): Tensor => apply(rows.logSigmoid, [x], none)
/** `log(1 + e^(beta x)) / beta`, stable for large magnitudes. */
export const softplus = (x: Tensor, beta = 1): Tensor => apply(rows.softplus, [x], { beta })
/** `max(x, 0)`; the gradient at 0 is 0. */
export const relu = (x: Tensor): Tensor => apply(rows.relu, [x], none)
/** `x` above 0, else `slope * x`. */
export const leakyRelu = (x: Tensor, slope = 0.01): Tensor => apply(rows.leakyRelu, [x], { slope })
/** `x * sigmoid(x)` */
export const silu = (x: Tensor): Tensor => apply(rows.silu, [x], none)

/** Gaussian error linear unit: exact (by erf), or its tanh approximation. */
export function gelu(x: Tensor, options: { readonly approximate?: 'none' | 'tanh' } = {}): Tensor {
  return apply(options.approximate === 'tanh' ? rows.geluTanh : rows.gelu, [x], none)
}

/** `x` limited to `[low, high]`; either bound may be left out. The gradient is 1 within, bounds included. */
export function clamp(x: Tensor, low = Number.NEGATIVE_INFINITY, high = Number.POSITIVE_INFINITY): Tensor {
  if (!(low <= high)) throw new ValueError(`clamp: the lower bound ${low} must not be above the upper bound ${high}`)
  return apply(rows.clamp, [x], { low, high })
}

const identity = { name: 'identity', arguments: ['x'], expression: 'x', options: [] }

const castOp = defineOp<{ dtype: DType }>({
  name: 'cast',
  doc: 'The same values in another element type; floats lose their fraction towards zero when they become integers.',
  shape: ([x], { dtype }) => [{ shape: x!.shape, dtype }],
  forward(context, [x]) {
    const output = context.empty()
    runElementwise({ fn: identity, options: [], inputs: [x!], output }, context.run)
    return output
  },
  backward(context, [dy]) {
    const { shape, dtype } = context.inputs[0]!
    const dx = context.empty(shape, dtype)
    runElementwise({ fn: identity, options: [], inputs: [dy!], output: dx }, context.run)
    return [dx]
  },
  reference: ([x]) => [x!],
  cost: ([x]) => ({ flops: 0, bytes: 8 * sizeOf(x!.shape) }),
  cases: [{ name: 'to f32', inputs: [{ shape: [5, 7] }], options: { dtype: 'f32' } }],
})

/** The same values as `dtype`. Returns `x` itself when it has that type. Only float to float has a gradient. */
export function cast(x: Tensor, dtype: DType): Tensor {
  if (x.dtype === dtype) return x
  const convert = () => apply(castOp, [x], { dtype })
  return isFloat(x.dtype) && isFloat(dtype) ? convert() : noGrad(convert)
}
