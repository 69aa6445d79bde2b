/** NaN in, NaN out; and no NaN from finite input, however large. */
import { describe, expect, it } from 'vitest'
import { scope, type Tensor, tensor } from '../../src/engine/index.js'
import * as elementwise from '../../src/kernels/elementwise/index.js'
import { crossEntropy } from '../../src/kernels/losses/index.js'
import { matmul } from '../../src/kernels/matmul/index.js'
import { layerNorm } from '../../src/kernels/norm/index.js'
import { max, mean, min, sum } from '../../src/kernels/reduce/index.js'
import { logSoftmax, logSumExp, softmax } from '../../src/kernels/softmax/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

const functions: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  ...Object.fromEntries(
    (
      [
        ...[
          'neg',
          'abs',
          'exp',
          'expm1',
          'log',
          'log1p',
          'sqrt',
          'rsqrt',
          'reciprocal',
          'square',
          'sin',
          'cos',
          'tanh',
        ],
        ...['erf', 'sigmoid', 'logSigmoid', 'softplus', 'relu', 'leakyRelu', 'silu', 'gelu', 'clamp', 'floor', 'ceil'],
      ] as const
    ).map((name) => [name, (x: Tensor) => (elementwise as unknown as Record<string, (x: Tensor) => Tensor>)[name]!(x)]),
  ),
  geluTanh: (x) => elementwise.gelu(x, { approximate: 'tanh' }),
  pow: (x) => elementwise.pow(x, 1.5),
  add: (x) => elementwise.add(x, x),
  maximum: (x) => elementwise.maximum(x, elementwise.affine(x, 0, 1)),
  sum,
  mean,
  max: (x) => max(x),
  min: (x) => min(x),
  softmax: (x) => softmax(x),
  logSoftmax: (x) => logSoftmax(x),
  logSumExp: (x) => logSumExp(x, {}),
  layerNorm: (x) => layerNorm(x),
  matmul: (x) => matmul(x, x, { transposeB: true }),
}

describe('NaN', () => {
  for (const [name, fn] of Object.entries(functions)) {
    it(`goes through ${name}`, async () => {
      const y = scope(() => fn(tensor(device, [0.5, Number.NaN, 0.25, 2], [1, 4])))
      const data = await y.data()
      expect(Number.isNaN(data.length === 4 ? data[1] : data[0])).toBe(true)
      y.dispose()
    })
  }
})

describe('large finite input', () => {
  const stable: Readonly<Record<string, (x: Tensor) => Tensor>> = {
    sigmoid: elementwise.sigmoid,
    logSigmoid: elementwise.logSigmoid,
    tanh: elementwise.tanh,
    softplus: (x) => elementwise.softplus(x),
    silu: elementwise.silu,
    gelu: (x) => elementwise.gelu(x),
    geluTanh: (x) => elementwise.gelu(x, { approximate: 'tanh' }),
    erf: elementwise.erf,
    softmax: (x) => softmax(x),
    logSoftmax: (x) => logSoftmax(x),
    logSumExp: (x) => logSumExp(x, {}),
    layerNorm: (x) => layerNorm(x),
    crossEntropy: (x) => crossEntropy(x, tensor(device, new Int32Array([1]))),
  }
  for (const [name, fn] of Object.entries(stable)) {
    it(`stays finite in ${name}`, async () => {
      const y = scope(() => fn(tensor(device, [1e4, -1e4, 9999, 0], [1, 4])))
      expect(Array.from(await y.data()).every(Number.isFinite)).toBe(true)
      y.dispose()
    })
  }
})
