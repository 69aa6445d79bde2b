/**
 * The elementwise operations: one row each. A new one needs no other file.
 *
 * Gradients at kinks follow PyTorch: relu 0 at 0, abs by sign, clamp 1 on its bounds, maximum and minimum share ties.
 */
import { erf } from '../../numeric/special.js'
import { type ElementwiseRow, elementwiseOp, type ScalarOptions } from './op.js'

const logistic = (x: number) => 1 / (1 + Math.exp(-x))
const normalDistribution = (x: number) => 0.5 * (1 + erf(x / Math.SQRT2))
const geluTanhInner = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)

function unary<Options extends ScalarOptions = Record<string, never>>(
  name: string,
  doc: string,
  forward: string,
  gradient: string | undefined,
  reference: (x: number, options: Options) => number,
  more: Partial<ElementwiseRow<Options>> = {},
) {
  return elementwiseOp<Options>({
    name,
    doc,
    arguments: ['x'],
    // Some adapters lose NaN in exp, log and comparisons.
    forward: more.integers ? forward : `keepNan(x, ${forward})`,
    ...(gradient === undefined ? {} : { gradients: [gradient] }),
    reference: ([x], options) => reference(x!, options),
    ...more,
  })
}

function binary(
  name: string,
  doc: string,
  forward: string,
  gradients: readonly [string, string] | undefined,
  reference: (x: number, y: number) => number,
  more: Partial<ElementwiseRow<Record<string, never>>> = {},
) {
  return elementwiseOp<Record<string, never>>({
    name,
    doc,
    arguments: ['x', 'y'],
    forward,
    ...(gradients ? { gradients } : {}),
    reference: ([x, y]) => reference(x!, y!),
    integers: true,
    ...more,
  })
}

const comparison = (name: string, sign: string, reference: (x: number, y: number) => boolean) =>
  binary(name, `1 where x ${sign} y, else 0.`, `select(0u, 1u, x ${sign} y)`, undefined, (x, y) => +reference(x, y), {
    output: 'flag',
  })

export const rows = {
  add: binary('add', 'x + y', 'x + y', ['g', 'g'], (x, y) => x + y),
  sub: binary('sub', 'x - y', 'x - y', ['g', '-g'], (x, y) => x - y),
  mul: binary('mul', 'x * y', 'x * y', ['g * y', 'g * x'], (x, y) => x * y),
  div: binary('div', 'x / y', 'x / y', ['g / y', '-g * x / (y * y)'], (x, y) => x / y, { range: [0.5, 2] }),
  maximum: binary(
    'maximum',
    'The larger of x and y; NaN wins.',
    'larger(x, y)',
    ['g * select(select(0.0, 0.5, x == y), 1.0, x > y)', 'g * select(select(0.0, 0.5, x == y), 1.0, y > x)'],
    Math.max,
    { integerForward: 'max(x, y)' },
  ),
  minimum: binary(
    'minimum',
    'The smaller of x and y; NaN wins.',
    '-larger(-x, -y)',
    ['g * select(select(0.0, 0.5, x == y), 1.0, x < y)', 'g * select(select(0.0, 0.5, x == y), 1.0, y < x)'],
    Math.min,
    { integerForward: 'min(x, y)' },
  ),

  equal: comparison('equal', '==', (x, y) => x === y),
  notEqual: comparison('notEqual', '!=', (x, y) => x !== y),
  greater: comparison('greater', '>', (x, y) => x > y),
  greaterEqual: comparison('greaterEqual', '>=', (x, y) => x >= y),
  less: comparison('less', '<', (x, y) => x < y),
  lessEqual: comparison('lessEqual', '<=', (x, y) => x <= y),

  where: elementwiseOp<Record<string, never>>({
    name: 'where',
    doc: 'x where the condition is not 0, else y.',
    arguments: ['c', 'x', 'y'],
    selectors: ['c'],
    forward: 'select(y, x, c != 0)',
    gradients: [undefined, 'select(0.0, g, c != 0)', 'select(g, 0.0, c != 0)'],
    integers: true,
    reference: ([c, x, y]) => (c !== 0 ? x! : y!),
  }),

  affine: unary<{ scale: number; shift: number }>(
    'affine',
    'x * scale + shift',
    'x * scale + shift',
    'g * scale',
    (x, { scale, shift }) => x * scale + shift,
    { options: ['scale', 'shift'], examples: [{ scale: -1.5, shift: 0.25 }], flops: 2 },
  ),
  siluGate: elementwiseOp<Record<string, never>>({
    name: 'siluGate',
    doc: 'silu(x) * y: the gate of a SwiGLU block in one pass.',
    arguments: ['x', 'y'],
    forward: 'x * logistic(x) * y',
    gradients: ['g * y * logistic(x) * (1.0 + x * logistic(-x))', 'g * x * logistic(x)'],
    reference: ([x, y]) => x! * logistic(x!) * y!,
    flops: 6,
  }),
  addScaled: elementwiseOp<Record<string, never>>({
    name: 'addScaled',
    doc: 'x + y * z: a residual with layer scale in one pass.',
    arguments: ['x', 'y', 'z'],
    forward: 'x + y * z',
    gradients: ['g', 'g * z', 'g * y'],
    reference: ([x, y, z]) => x! + y! * z!,
    flops: 2,
  }),

  neg: unary('neg', '-x', '-x', '-g', (x) => -x, { integers: true }),
  abs: unary('abs', 'Magnitude.', 'abs(x)', 'g * sign(x)', Math.abs, { range: [0.1, 2] }),
  sign: unary('sign', '-1, 0 or 1.', 'sign(x)', 'select(0.0, g, false)', Math.sign, { range: [0.1, 2] }),
  floor: unary('floor', 'Largest integer not above x.', 'floor(x)', 'select(0.0, g, false)', Math.floor, {
    range: [0.1, 0.9],
  }),
  ceil: unary('ceil', 'Smallest integer not below x.', 'ceil(x)', 'select(0.0, g, false)', Math.ceil, {
    range: [0.1, 0.9],
  }),
  exp: unary('exp', 'e^x', 'exp(x)', 'g * r', Math.exp),
  expm1: unary('expm1', 'e^x - 1 without cancellation near 0.', 'expMinusOne(x)', 'g * (r + 1.0)', Math.expm1),
  log: unary('log', 'Natural logarithm.', 'log(x)', 'g / x', Math.log, { range: [0.3, 3] }),
  log1p: unary('log1p', 'log(1 + x) without cancellation near 0.', 'logOnePlus(x)', 'g / (1.0 + x)', Math.log1p, {
    range: [-0.7, 2],
  }),
  sqrt: unary('sqrt', 'Square root.', 'sqrt(x)', '0.5 * g / r', Math.sqrt, { range: [0.3, 3] }),
  rsqrt: unary('rsqrt', '1 / sqrt(x)', '1.0 / sqrt(x)', '-0.5 * g * r / x', (x) => 1 / Math.sqrt(x), {
    range: [0.3, 3],
  }),
  reciprocal: unary('reciprocal', '1 / x', '1.0 / x', '-g * r * r', (x) => 1 / x, { range: [0.3, 3] }),
  square: unary('square', 'x^2', 'x * x', '2.0 * g * x', (x) => x * x),
  pow: unary<{ exponent: number }>(
    'pow',
    'x^exponent; integer exponents take negative x.',
    'power(x, exponent)',
    'g * exponent * power(x, exponent - 1.0)',
    (x, { exponent }) => x ** exponent,
    {
      options: ['exponent'],
      range: [0.3, 2],
      examples: [{ exponent: 2 }, { exponent: -1 }, { exponent: 1.5 }, { exponent: 5 }],
    },
  ),
  sin: unary('sin', 'Sine of radians.', 'sine(x)', 'g * cosine(x)', Math.sin, { range: [-20, 20] }),
  cos: unary('cos', 'Cosine of radians.', 'cosine(x)', '-g * sine(x)', Math.cos, { range: [-20, 20] }),
  tanh: unary('tanh', 'Hyperbolic tangent.', 'hyperbolicTangent(x)', 'g * (1.0 - r * r)', Math.tanh),
  erf: unary('erf', 'Error function.', 'errorFunction(x)', 'g * 1.1283792 * exp(-x * x)', erf),
  sigmoid: unary('sigmoid', '1 / (1 + e^-x)', 'logistic(x)', 'g * r * (1.0 - r)', logistic),
  logSigmoid: unary('logSigmoid', 'log(sigmoid(x))', '-softPlus(-x)', 'g * logistic(-x)', (x) => Math.log(logistic(x))),
  softplus: unary<{ beta: number }>(
    'softplus',
    'log(1 + e^(beta x)) / beta',
    'softPlus(beta * x) / beta',
    'g * logistic(beta * x)',
    (x, { beta }) => Math.log1p(Math.exp(beta * x)) / beta,
    { options: ['beta'], examples: [{ beta: 1 }, { beta: 2 }], flops: 4 },
  ),
  relu: unary('relu', 'max(x, 0)', 'select(x, 0.0, x <= 0.0)', 'select(g, 0.0, x <= 0.0)', (x) => Math.max(x, 0)),
  leakyRelu: unary<{ slope: number }>(
    'leakyRelu',
    'x, or slope * x below 0.',
    'select(slope * x, x, x > 0.0)',
    'select(slope * g, g, x > 0.0)',
    (x, { slope }) => (x > 0 ? x : slope * x),
    { options: ['slope'], examples: [{ slope: 0.01 }] },
  ),
  gelu: unary(
    'gelu',
    'x times the normal distribution function of x (exact, by erf).',
    'x * normalDistribution(x)',
    'g * (normalDistribution(x) + x * normalDensity(x))',
    (x) => x * normalDistribution(x),
    { flops: 12 },
  ),
  geluTanh: unary(
    'geluTanh',
    'The tanh approximation of gelu.',
    '0.5 * x * (1.0 + hyperbolicTangent(0.7978845608 * (x + 0.044715 * x * x * x)))',
    'g * geluTanhSlope(x)',
    (x) => 0.5 * x * (1 + Math.tanh(geluTanhInner(x))),
    { flops: 9 },
  ),
  silu: unary(
    'silu',
    'x * sigmoid(x)',
    'x * logistic(x)',
    'g * logistic(x) * (1.0 + x * logistic(-x))',
    (x) => x * logistic(x),
    { flops: 5 },
  ),
  clamp: unary<{ low: number; high: number }>(
    'clamp',
    'x limited to [low, high].',
    'select(select(x, low, x < low), high, x > high)',
    'select(0.0, g, x >= low && x <= high)',
    (x, { low, high }) => Math.min(Math.max(x, low), high),
    { options: ['low', 'high'], examples: [{ low: -1, high: 1 }] },
  ),
} as const
