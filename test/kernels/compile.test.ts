/** Compiles every variant of every kernel for its operations' cases, without any adapter (backend "null"). */
import { expect, it } from 'vitest'
import { isFloat } from '../../src/engine/dtype.js'
import { applyAll, backward, Generator, gradients, scope, tensor, zeros } from '../../src/engine/index.js'
import { definedKernels, type Kernel, type KernelVariant } from '../../src/engine/kernel.js'
import { definedOps, type OpCase, type OpDefinition } from '../../src/engine/op.js'
import { attention } from '../../src/kernels/attention/index.js'
import { blendWindow } from '../../src/kernels/blend/index.js'
import { randomNormal, randomUniform } from '../../src/kernels/random/index.js'
import { sum } from '../../src/kernels/reduce/index.js'
import { AdamW, clipGradNorm, Ema, SGD } from '../../src/train/index.js'
import { caseValues } from '../support/arrays.js'
import { testDevice } from '../support/device.js'
import { loadAllKernels } from '../support/modules.js'

await loadAllKernels()
const device = await testDevice({ backend: 'null' })

const matrixConfigs = [
  [16, 16, 16],
  [16, 8, 16],
  [8, 16, 16],
  [16, 8, 8],
  [8, 8, 8],
].flatMap(([m, n, k]) =>
  ['f16', 'f32'].map((componentType) => ({ m: m!, n: n!, k: k!, componentType, resultComponentType: 'f32' })),
)

/** The null back end as two adapters: variants may be for software or for GPUs alone, and for matrices it does not list. */
const adapters = [false, true].map((software) => ({
  ...device.capabilities,
  software,
  subgroupMinSize: 32,
  subgroupMaxSize: 32,
  subgroupMatrixConfigs: matrixConfigs,
  maxInvocationsPerWorkgroup: 1024,
  maxWorkgroupMemoryBytes: 49152,
}))

it('has every feature on the null back end', () => {
  expect(device.capabilities).toMatchObject({ f16: true, subgroups: true })
})

it('compiles every variant', async () => {
  // Problems come from running the cases: whatever a kernel is asked for there, each of its variants must compile for.
  const problems = new Map<Kernel<unknown>, Set<unknown>>()
  const restore = observe((kernel, problem) => {
    const list = problems.get(kernel) ?? new Set()
    problems.set(kernel, list.add(problem))
  })
  for (const op of definedOps() as unknown as OpDefinition<unknown>[]) {
    for (const test of op.cases.filter(({ bench }) => !bench)) {
      for (const dtype of ['f32', 'f16'] as const) scope(() => runBothWays(op, test, dtype))
    }
  }
  scope(stepEverything)
  restore()
  const broken: string[] = []
  const compiled = new Set<string>()
  const diagnose = async (kernel: Kernel<unknown>, problem: unknown): Promise<void> => {
    for (const variant of kernel.variants) {
      for (const capabilities of adapters) {
        if (!(variant.supports?.(capabilities, problem) ?? true)) continue
        compiled.add(`${kernel.name}/${variant.name}`)
        const messages = await device.pipelines.diagnose(kernel, variant, problem, capabilities)
        if (messages.length > 0) broken.push(`${kernel.name}/${variant.name}: ${messages.join('; ')}`)
        const second = variant.split?.(problem, capabilities)
        if (second) await diagnose(second.kernel, second.problem)
      }
    }
  }
  for (const [kernel, list] of problems) for (const problem of list) await diagnose(kernel, problem)
  expect(broken).toEqual([])
  const all = definedKernels().flatMap(({ name, variants }) => variants.map((variant) => `${name}/${variant.name}`))
  const own = all.filter((name) => !untested.has(name) && !name.startsWith('test '))
  expect([...compiled].sort()).toEqual(own.sort())
})

/** Kernels that other tests define for themselves in this process, beside those called `test …`. */
const untested = new Set(['broken/portable', 'indexProbe/portable'])

/** Forward, and the gradient where there is one, so that every kernel sees its problems. */
function runBothWays(op: OpDefinition<unknown>, test: OpCase<unknown>, dtype: 'f32' | 'f16'): void {
  const leaves = test.inputs.map((input, i) => {
    const float = (input.dtype ?? 'f32') === 'f32'
    return tensor(device, caseValues(input, i), input.shape, {
      dtype: float ? dtype : input.dtype!,
      requiresGrad: float && input.differentiable !== false && op.differentiable !== false,
    })
  })
  const wanted = leaves.filter(({ requiresGrad }) => requiresGrad)
  for (const output of applyAll(op, leaves, test.options)) {
    if (!output.requiresGrad || wanted.length === 0 || !isFloat(output.dtype)) continue
    gradients(output, wanted, { gradient: zeros(device, output.shape, { dtype: output.dtype }), retainGraph: true })
  }
}

/** Kernels that no operation's case reaches: optimizers, random numbers, sums in place, and tensors beyond a binding. */
function stepEverything(): void {
  const generator = new Generator(1)
  const parameter = tensor(device, [1, 2, 3], [3], { requiresGrad: true })
  randomUniform(device, [3], { generator })
  randomNormal(device, [3], { generator })
  const descents = [{}, { momentum: 0.9 }, { momentum: 0.9, nesterov: true }].map(
    (options) => new SGD([parameter], options),
  )
  for (const optimizer of [new AdamW([parameter]), ...descents]) {
    backward(sum(parameter))
    clipGradNorm([parameter], 1)
    optimizer.step()
  }
  new Ema([parameter], 0.9).update()
  const voxel = zeros(device, [1, 1, 1, 1])
  blendWindow(zeros(device, [1, 2, 2, 2, 1]), voxel, zeros(device, [1, 1, 1]), { sample: 0, start: [0, 1, 0] })
  const limits = device.capabilities as { maxBindingBytes: number }
  const whole = limits.maxBindingBytes
  limits.maxBindingBytes = 2048
  const keys = zeros(device, [1, 256, 1, 4])
  attention(zeros(device, [1, 1, 1, 4]), keys, keys)
  limits.maxBindingBytes = whole
}

/** Watches which problems reach the pipeline cache. */
function observe(see: (kernel: Kernel<unknown>, problem: unknown) => void): () => void {
  const { pipelines } = device
  const original = pipelines.get
  pipelines.get = function <P>(
    this: typeof pipelines,
    kernel: Kernel<P>,
    variant: KernelVariant<P>,
    problem: P,
    inputs: number,
    outputs: number,
  ) {
    see(kernel as Kernel<unknown>, problem)
    return original.call(this, kernel, variant, problem, inputs, outputs)
  }
  return () => {
    pipelines.get = original
  }
}
