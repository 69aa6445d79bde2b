/** Compiles every variant of every kernel for its operations' cases, without any adapter (backend "null"). */
import { expect, it } from 'vitest'
import { applyAll, scope, tensor } from '../../src/engine/index.js'
import { definedKernels, type Kernel, type KernelVariant } from '../../src/engine/kernel.js'
import { definedOps, type OpCase, type OpDefinition } from '../../src/engine/op.js'
import { caseValues } from '../support/arrays.js'
import { testDevice } from '../support/device.js'
import { loadAllKernels } from '../support/modules.js'

await loadAllKernels()
const device = await testDevice({ backend: 'null' })

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
      for (const dtype of ['f32', 'f16'] as const) scope(() => void applyAll(op, makeInputs(test, dtype), test.options))
    }
  }
  restore()
  const broken: string[] = []
  const compiled = new Set<string>()
  for (const [kernel, list] of problems) {
    for (const problem of list) {
      for (const variant of kernel.variants) {
        if (!(variant.supports?.(device.capabilities, problem) ?? true)) continue
        compiled.add(`${kernel.name}/${variant.name}`)
        const messages = await device.pipelines.diagnose(kernel, variant, problem)
        if (messages.length > 0) broken.push(`${kernel.name}/${variant.name}: ${messages.join('; ')}`)
      }
    }
  }
  expect(broken).toEqual([])
  const all = definedKernels().flatMap(({ name, variants }) => variants.map((variant) => `${name}/${variant.name}`))
  expect([...compiled].sort()).toEqual(all.filter((name) => !untested.has(name)).sort())
})

/** Kernels that no operation's cases reach, and the test that covers each instead. */
const untested = new Set(['accumulate/portable', 'broken/portable'])

function makeInputs({ inputs }: OpCase<unknown>, dtype: 'f32' | 'f16') {
  return inputs.map((input, i) =>
    tensor(device, caseValues(input, i), input.shape, {
      dtype: (input.dtype ?? 'f32') === 'f32' ? dtype : input.dtype!,
    }),
  )
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
