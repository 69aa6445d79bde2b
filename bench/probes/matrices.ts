/** The rate of every subgroup-matrix configuration that the adapter lists. */
import type { SubgroupMatrixConfig } from '../../src/engine/index.js'
import { type Device, scope, type Tensor, tensor, zeros } from '../../src/engine/index.js'
import type { Kernel } from '../../src/engine/kernel.js'
import { uniform } from '../values.js'
import matrixWgsl from './matrix.wgsl'
import { bestRate, dispatch, type ProbeContext, type ProbePlan, probeKernel } from './support.js'

interface MatrixProblem {
  readonly workgroups: number
  readonly rounds: number
}

/** Subgroups that a workgroup is made for, at the adapter's largest subgroup size. */
const subgroupsPerWorkgroup = 4
const productsPerRound = 8
const operandCount = { left: 4, right: 2 }

/** Narrow integers are stored four to a word. */
const packing = (type: string): number => (type === 'u8' || type === 'i8' ? 4 : 1)
const storedType = (type: string): string => (packing(type) === 1 ? type : 'u32')

function matrixKernel(config: SubgroupMatrixConfig, workgroup: number): Kernel<MatrixProblem> {
  const { m, n, k, componentType, resultComponentType } = config
  return probeKernel<MatrixProblem>(`matrix ${describeConfig(config)}`, {
    wgsl: matrixWgsl,
    extensions: ['subgroups', 'chromium_experimental_subgroup_matrix'],
    specialize: () => ({
      types: {
        Stored: storedType(componentType),
        ResultScalar: resultComponentType,
        // Columns come first in WGSL's matrix types.
        Left: `subgroup_matrix_left<${componentType}, ${k}, ${m}>`,
        Right: `subgroup_matrix_right<${componentType}, ${n}, ${k}>`,
        Result: `subgroup_matrix_result<${resultComponentType}, ${n}, ${m}>`,
      },
      constants: {
        M: m,
        N: n,
        K: k,
        STRIDE_LEFT: k / packing(componentType),
        STRIDE_RIGHT: n / packing(componentType),
        WORKGROUP: workgroup,
      },
    }),
    parameters: (writer, { rounds }) => writer.u32(rounds),
    workgroups: ({ workgroups }) => workgroups,
  })
}

const describeConfig = ({ m, n, k, componentType, resultComponentType }: SubgroupMatrixConfig): string =>
  `${m}x${n}x${k} ${componentType} to ${resultComponentType}`

/** Operand values: small floats, the right ones followed by their negatives; any words for integers. */
function operand(device: Device, type: string, values: Float32Array): Tensor {
  if (type === 'f16' || type === 'f32') return tensor(device, values, [values.length], { dtype: type })
  const words = Uint32Array.from(values, (value) => Math.floor((value + 1) * 2 ** 31))
  return tensor(device, words.subarray(0, Math.ceil(words.length / packing(type))))
}

async function measureMatrix(context: ProbeContext, config: SubgroupMatrixConfig) {
  const { device } = context
  const { m, n, k, componentType } = config
  const { subgroupMaxSize, software } = device.capabilities
  const half = uniform(k * n, 2)
  const left = operand(device, componentType, uniform(operandCount.left * m * k, 1))
  const right = operand(device, componentType, Float32Array.from([...half, ...half.map((value) => -value)]))
  const result = zeros(device, [4 * m * n])
  const subgroups = zeros(device, [4], { dtype: 'u32' })
  const kernel = matrixKernel(config, subgroupsPerWorkgroup * subgroupMaxSize)
  const workgroups = software ? 64 : 4096
  const work = (rounds: number) =>
    scope(() =>
      dispatch(device, {
        kernel,
        problem: { workgroups, rounds },
        inputs: [left, right],
        outputs: [result, subgroups],
      }),
    )
  const perSubgroup = 2 * m * n * k * productsPerRound * workgroups
  const rate = await bestRate(context, work, perSubgroup, 16)
  // The driver may have chosen smaller subgroups than the largest, and so more of them.
  const count = (await subgroups.data())[0]!
  for (const value of [left, right, result, subgroups]) value.dispose()
  return { value: (rate * count) / 1e9, note: `${count} subgroups per workgroup` }
}

export function matrixProbes({ capabilities }: Device): ProbePlan[] {
  return capabilities.subgroupMatrixConfigs.map((config) => ({
    describe: {
      name: `matrix ${describeConfig(config)}`,
      kind: 'matrix',
      unit: config.componentType.startsWith('f') ? 'GFLOP/s' : 'GOP/s',
      dtype: config.componentType,
      resultDtype: config.resultComponentType,
      ceilingOf: `kernels that multiply ${config.componentType} subgroup matrices and accumulate in ${config.resultComponentType}: operands in registers, no memory access`,
    },
    measure: (context) => measureMatrix(context, config),
  }))
}
