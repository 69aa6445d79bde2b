import type { Tensor } from '../../../../src/engine/index.js'
import * as elementwise from '../../../../src/kernels/elementwise/index.js'
import type { OpAdapter, OpAdapters } from './adapter.js'

const unary =
  (fn: (x: Tensor) => Tensor): OpAdapter =>
  ({ x }) => ({ y: fn(x.x!) })

const binary =
  (fn: (a: Tensor, b: Tensor) => Tensor): OpAdapter =>
  ({ x }) => ({ y: fn(x.a!, x.b!) })

export const elementwiseAdapters: OpAdapters = {
  add: binary(elementwise.add),
  sub: binary(elementwise.sub),
  mul: binary(elementwise.mul),
  div: binary(elementwise.div),
  maximum: binary(elementwise.maximum),
  minimum: binary(elementwise.minimum),
  eq: binary(elementwise.equal),
  ne: binary(elementwise.notEqual),
  gt: binary(elementwise.greater),
  ge: binary(elementwise.greaterEqual),
  lt: binary(elementwise.less),
  le: binary(elementwise.lessEqual),
  where: ({ x }) => ({ y: elementwise.where(x.cond!, x.a!, x.b!) }),
  neg: unary(elementwise.neg),
  abs: unary(elementwise.abs),
  sign: unary(elementwise.sign),
  floor: unary(elementwise.floor),
  ceil: unary(elementwise.ceil),
  exp: unary(elementwise.exp),
  expm1: unary(elementwise.expm1),
  log: unary(elementwise.log),
  log1p: unary(elementwise.log1p),
  sqrt: unary(elementwise.sqrt),
  rsqrt: unary(elementwise.rsqrt),
  reciprocal: unary(elementwise.reciprocal),
  square: unary(elementwise.square),
  sin: unary(elementwise.sin),
  cos: unary(elementwise.cos),
  tanh: unary(elementwise.tanh),
  erf: unary(elementwise.erf),
  sigmoid: unary(elementwise.sigmoid),
  log_sigmoid: unary(elementwise.logSigmoid),
  relu: unary(elementwise.relu),
  silu: unary(elementwise.silu),
  leaky_relu: ({ x, params }) => ({ y: elementwise.leakyRelu(x.x!, params.slope) }),
  softplus: ({ x, params }) => ({ y: elementwise.softplus(x.x!, params.beta) }),
  gelu: ({ x, params }) => ({ y: elementwise.gelu(x.x!, { approximate: params.approximate }) }),
  pow: ({ x, params }) => ({ y: elementwise.pow(x.x!, params.exponent) }),
  clamp: ({ x, params }) => ({ y: elementwise.clamp(x.x!, params.min ?? undefined, params.max ?? undefined) }),
}
