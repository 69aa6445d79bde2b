/** Runs convolutions of either direction beside their float64 reference. */
import { expect } from 'vitest'
import { type Device, gradients, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { conv3d, convTranspose3d, type Triple } from '../../src/kernels/conv3d/index.js'
import { float16ToFloat32, float32ToFloat16 } from '../../src/numeric/half.js'
import { caseValues, largestError, largestMagnitude } from './arrays.js'
import { convolveWithGradients, type Windowed } from './convolution.js'

export interface ConvolutionProblem {
  readonly made: 'coarse' | 'fine'
  readonly dtype: 'f32' | 'f16'
  readonly batch: number
  /** Of the input. */
  readonly extents: Triple
  readonly kernel: Triple
  readonly stride: Triple
  readonly dilation: Triple
  /** Of a transposed convolution, the same before and after. */
  readonly padding: readonly [before: Triple, after: Triple]
  readonly outputPadding: Triple
  readonly groups: number
  /** Of a group. */
  readonly inputs: number
  readonly outputs: number
}

export const plainProblem: ConvolutionProblem = {
  made: 'coarse',
  dtype: 'f32',
  batch: 1,
  extents: [3, 4, 5],
  kernel: [3, 3, 3],
  stride: [1, 1, 1],
  dilation: [1, 1, 1],
  padding: [
    [1, 1, 1],
    [1, 1, 1],
  ],
  outputPadding: [0, 0, 0],
  groups: 1,
  inputs: 8,
  outputs: 12,
}

type Values = Readonly<Record<'x' | 'weight' | 'bias' | 'cotangent', Float64Array>>

/** Runs of the operation: forward once, and once for each of the gradients, so that kernels can be chosen for each. */
export interface Prepared {
  forward(): Tensor
  gradient(of: 'x' | 'weight' | 'bias'): Tensor
  /** Of each in its type. */
  readonly tensorBytes: Readonly<Record<'x' | 'weight' | 'y', number>>
  /** Throws where the result or a gradient is not that of the reference. */
  check(what: 'y' | 'dx' | 'dweight' | 'dbias', got: Tensor, label?: string): Promise<void>
  dispose(): void
}

const productOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1)

export function prepare(device: Device, problem: ConvolutionProblem): Prepared {
  const { made, dtype, batch, extents, kernel, stride, dilation, groups, inputs, outputs } = problem
  const padding = problem.padding[0]
  const span = kernel.map((n, axis) => dilation[axis]! * (n - 1) + 1)
  const result = extents.map((n, axis) =>
    made === 'coarse'
      ? Math.floor((n + padding[axis]! + problem.padding[1][axis]! - span[axis]!) / stride[axis]!) + 1
      : (n - 1) * stride[axis]! - 2 * padding[axis]! + span[axis]! + problem.outputPadding[axis]!,
  ) as unknown as Triple
  const [x, y] = [
    [batch, ...extents, groups * inputs],
    [batch, ...result, groups * outputs],
  ]
  const weight = made === 'coarse' ? [groups * outputs, ...kernel, inputs] : [groups * inputs, ...kernel, outputs]
  const shapes = { x, weight, bias: [groups * outputs], cotangent: y }
  const values = valuesOf(shapes, dtype)
  const windowed: Windowed = {
    ...{ batch, kernel, stride, padding, dilation, groups },
    fine: made === 'coarse' ? extents : result,
    coarse: made === 'coarse' ? result : extents,
    fineChannels: groups * (made === 'coarse' ? inputs : outputs),
    coarseChannels: groups * (made === 'coarse' ? outputs : inputs),
  }
  const want = convolveWithGradients(windowed, made, values)
  const upload = (name: keyof Values) => tensor(device, values[name], shapes[name], { dtype })
  const leaves = { x: upload('x'), weight: upload('weight'), bias: upload('bias') }
  const cotangent = upload('cotangent')
  const forward = () => {
    const { bias } = leaves
    return made === 'coarse'
      ? conv3d(leaves.x, leaves.weight, { bias, stride, dilation, groups, padding: problem.padding })
      : convTranspose3d(leaves.x, leaves.weight, {
          ...{ bias, stride, dilation, groups, padding, outputPadding: problem.outputPadding },
        })
  }
  // How many products a sum has, at most; rounding grows with its square root.
  const terms = {
    y: productOf(kernel) * inputs,
    dx: productOf(kernel) * outputs,
    dweight: productOf(y) / outputs / groups,
    dbias: 0,
  }
  const tensorBytes = { x: leaves.x.byteLength, weight: leaves.weight.byteLength, y: cotangent.byteLength }
  return {
    forward: () => scope(forward),
    tensorBytes,
    gradient(of) {
      const leaf = leaves[of]
      leaf.setRequiresGrad()
      try {
        return scope(() => gradients(forward(), [leaf], { gradient: cotangent })[0]!)
      } finally {
        leaf.setRequiresGrad(false)
      }
    },
    async check(what, got, label = '') {
      const wanted = want[what]
      const rounding = dtype === 'f16' ? 1e-3 : 4e-7 * Math.sqrt(terms[what] + 16)
      expect(got.shape, `${label} ${what}`).toEqual(
        what === 'y' ? y : shapes[what === 'dx' ? 'x' : what === 'dbias' ? 'bias' : 'weight'],
      )
      const error = largestError(await got.data(), wanted)
      expect(error, `${label} ${what}`).toBeLessThanOrEqual(rounding * Math.max(1, largestMagnitude(wanted)))
      got.dispose()
    },
    dispose() {
      for (const value of [...Object.values(leaves), cotangent]) value.dispose()
    },
  }
}

function valuesOf(shapes: Readonly<Record<keyof Values, readonly number[]>>, dtype: 'f32' | 'f16'): Values {
  const names = ['x', 'weight', 'bias', 'cotangent'] as const
  const entries = names.map((name, seed) => {
    const exact = caseValues({ shape: shapes[name] }, seed + 1)
    return [
      name,
      dtype === 'f32' ? exact : Float64Array.from(float16ToFloat32(float32ToFloat16(Float32Array.from(exact)))),
    ]
  })
  return Object.fromEntries(entries) as unknown as Values
}

/** The result and every gradient. */
export async function checkAll(device: Device, problem: ConvolutionProblem): Promise<void> {
  const prepared = prepare(device, problem)
  await prepared.check('y', prepared.forward())
  await prepared.check('dx', prepared.gradient('x'))
  await prepared.check('dweight', prepared.gradient('weight'))
  await prepared.check('dbias', prepared.gradient('bias'))
  prepared.dispose()
}
