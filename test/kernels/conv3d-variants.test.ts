/** Every variant of every kernel of the convolutions against the float64 reference, on shapes that could trip it. */
import { describe, expect, it } from 'vitest'
import { NotSupportedError } from '../../src/engine/index.js'
import { definedKernel, withVariant } from '../../src/engine/kernel.js'
import {
  type ConvolutionProblem,
  checkAll,
  type Prepared,
  plainProblem,
  prepare,
} from '../support/check-convolution.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

const unpadded = [
  [0, 0, 0],
  [0, 0, 0],
] as const

// A pipeline takes a second to compile on a CPU: two kinds of problems for every variant, the others for those that need
// them. `convolution` computes both the result, with a weight by rows, and the gradient of x, with one by columns.
const problems: Readonly<Record<string, ConvolutionProblem>> = {
  'whole vectors': { ...plainProblem, dtype: device.capabilities.f16 ? 'f16' : 'f32' },
  odd: {
    ...plainProblem,
    batch: 2,
    kernel: [2, 1, 3],
    stride: [1, 1, 2],
    padding: [
      [0, 0, 2],
      [1, 0, 0],
    ],
    inputs: 3,
    outputs: 5,
  },
  'few windows': { ...plainProblem, extents: [1, 2, 2], kernel: [1, 1, 1], padding: unpadded, inputs: 4, outputs: 4 },
  'deep windows': {
    ...plainProblem,
    extents: [1, 2, 3],
    kernel: [1, 1, 1],
    padding: unpadded,
    inputs: 516,
    outputs: 520,
  },
  'many windows': { ...plainProblem, extents: [8, 9, 9], kernel: [1, 1, 1], padding: unpadded, inputs: 8, outputs: 8 },
  'deep windows, f16': {
    ...plainProblem,
    dtype: 'f16',
    extents: [1, 2, 3],
    kernel: [1, 1, 1],
    padding: unpadded,
    inputs: 520,
    outputs: 520,
  },
  'many windows, f16': {
    ...plainProblem,
    dtype: 'f16',
    extents: [8, 9, 9],
    kernel: [1, 1, 1],
    padding: unpadded,
    inputs: 8,
    outputs: 8,
  },
  depthwise: { ...plainProblem, groups: 6, inputs: 1, outputs: 1 },
}

/** What exercises a kernel. */
const uses = {
  convolution: ['y', 'dx'],
  convolutionWeightGradient: ['dweight'],
  convolve3d: ['y', 'dx'],
  convolve3dWeightGradient: ['dweight'],
  convolve3dPack: ['y', 'dx'],
} as const

function run(prepared: Prepared, what: 'y' | 'dx' | 'dweight') {
  if (what === 'y') return prepared.forward()
  return prepared.gradient(what === 'dx' ? 'x' : 'weight')
}

/** Whether the variant took the problem; it has run and given what the reference gives then. */
async function takes(kernel: keyof typeof uses, variant: string, problem: ConvolutionProblem): Promise<boolean> {
  const prepared = prepare(device, problem)
  let taken = false
  for (const what of uses[kernel]) {
    try {
      await prepared.check(
        what,
        withVariant(kernel, variant, () => run(prepared, what)),
      )
      taken = true
    } catch (error) {
      if (!(error instanceof NotSupportedError)) throw error
    }
  }
  prepared.dispose()
  return taken
}

for (const kernel of ['convolution', 'convolutionWeightGradient'] as const) {
  describe.each(definedKernel(kernel)!.variants.map(({ name }) => name))(`${kernel}/%s`, (variant) => {
    it('runs', async (context) => {
      let count = 0
      for (const problem of Object.values(problems)) {
        if (problem.dtype === 'f16' && !device.capabilities.f16) continue
        if (problem.groups > 1) continue
        if (await takes(kernel, variant, problem)) count++
        if (count === 2) return
      }
      if (count === 0) context.skip()
    })
  })
}

describe('few channels per group', () => {
  const groups = { ...problems.odd!, groups: 2, inputs: 3, outputs: 2 }
  it.each([
    ['groups, 4-vectors', { ...plainProblem, groups: 2, inputs: 4, outputs: 3 }],
    ['groups', groups],
    [
      'very many phases',
      { ...plainProblem, extents: [2, 2, 2], kernel: [2, 2, 2], stride: [5, 5, 3], padding: unpadded },
    ],
    ['depthwise, odd', { ...groups, groups: 5, inputs: 1, outputs: 1 }],
    ['depthwise', problems.depthwise!],
    ['depthwise, wide window', { ...problems.depthwise!, kernel: [1, 2, 6], groups: 4 }],
    ['depthwise, multiplied', { ...groups, groups: 3, inputs: 1, outputs: 2 }],
  ] as [string, ConvolutionProblem][])('%s', async (_, problem) => {
    for (const made of ['coarse', 'fine'] as const) {
      const padding = made === 'fine' ? ([problem.padding[0], problem.padding[0]] as const) : problem.padding
      await checkAll(device, { ...problem, made, padding })
    }
  })

  it('has its variants', async () => {
    for (const kernel of ['convolve3d', 'convolve3dPack', 'convolve3dWeightGradient'] as const) {
      for (const { name } of definedKernel(kernel)!.variants) {
        expect(await takes(kernel, name, problems.depthwise!), `${kernel}/${name}`).toBe(true)
      }
    }
  })
})
