/** Multiply-add rates of ordinary (not matrix) arithmetic. */
import { type Device, scope, tensor } from '../../src/engine/index.js'
import type { Kernel } from '../../src/engine/kernel.js'
import type { Tensor } from '../../src/engine/tensor.js'
import fmaWgsl from './fma.wgsl'
import { bestRate, dispatch, type ProbeContext, type ProbePlan, probeKernel } from './support.js'

interface FmaProblem {
  readonly workgroups: number
  readonly rounds: number
}

export const fmaWorkgroupSize = 128
/** Steps per round, over all chains; a step is two operations per component. */
const stepsPerRound = 32

/** Wide vectors expose more parallelism, and spill the registers of CPUs; both forms of a multiply-add occur. */
const formulations = [1, 2, 4].flatMap((width) =>
  ['fma(x, scale, shift)', 'x * scale + shift'].map((expression) => ({ width, expression })),
)

export function fmaKernel(scalar: 'f32' | 'f16', width: number, expression: string): Kernel<FmaProblem> {
  const vector = width === 1 ? scalar : `vec${width}<${scalar}>`
  return probeKernel<FmaProblem>(`fma ${vector} ${expression}`, {
    wgsl: fmaWgsl,
    specialize: () => ({
      types: { Scalar: scalar, Vector: vector },
      code: `fn advance(x: Vector, scale: Vector, shift: Vector) -> Vector { return ${expression}; }`,
    }),
    parameters: (writer, { rounds }) => writer.u32(rounds),
    workgroups: ({ workgroups }) => workgroups,
  })
}

/** Fills the largest GPUs several times over; a software adapter needs a few per thread. */
const workgroupsFor = ({ capabilities }: Device): number => (capabilities.software ? 64 : 8192)

async function measureFma(context: ProbeContext, scalar: 'f32' | 'f16') {
  const { device } = context
  const constants = tensor(device, [0.5, 0.25, 0, 0])
  const result = tensor(device, new Float32Array(4 * fmaWorkgroupSize))
  const workgroups = workgroupsFor(device)
  let best = { value: 0, note: '' }
  for (const { width, expression } of formulations) {
    const kernel = fmaKernel(scalar, width, expression)
    const work = (rounds: number) => recordFma(device, kernel, { workgroups, rounds }, constants, result)
    const operations = 2 * stepsPerRound * width * fmaWorkgroupSize * workgroups
    const value = (await bestRate(context, work, operations, 16)) / 1e9
    if (value > best.value) best = { value, note: `best as ${expression} on ${width} components` }
  }
  constants.dispose()
  result.dispose()
  return best
}

function recordFma(device: Device, kernel: Kernel<FmaProblem>, problem: FmaProblem, constants: Tensor, result: Tensor) {
  scope(() => dispatch(device, { kernel, problem, inputs: [constants], outputs: [result] }))
}

export function arithmeticProbes({ capabilities }: Device): ProbePlan[] {
  return (['f32', 'f16'] as const).map((dtype) => ({
    describe: {
      name: `${dtype} multiply-add`,
      kind: 'fma',
      unit: 'GFLOP/s',
      dtype,
      ceilingOf: `kernels that compute in ${dtype} without subgroup matrices: chains in registers, no memory access`,
    },
    unsupported: dtype === 'f16' && !capabilities.f16 ? 'the adapter has no shader-f16' : undefined,
    measure: (context) => measureFma(context, dtype),
  }))
}
