import { describe, expect, it } from 'vitest'
import { benchCasesOf } from '../../bench/cases.js'
import { loadOperations } from '../../bench/discover.js'
import { inputValues } from '../../bench/values.js'
import { embed, leading } from '../../bench/verify/part.js'
import { findSubproblem, type Subproblem } from '../../bench/verify/subproblem.js'
import type { OpCase } from '../../src/engine/op.js'

const { ops } = await loadOperations()
const generous = { growths: 0, mostUnits: 1e7 }

function part(op: string, test: OpCase<unknown>, units: number): { found: Subproblem | undefined; whole: Subproblem } {
  const definition = ops.find(({ name }) => name === op)!
  const inputs = test.inputs.map((input, i) => ({
    values: inputValues(input, input.dtype ?? 'f32', i + 1),
    shape: input.shape,
  }))
  return {
    found: findSubproblem(definition, test, inputs, { ...generous, units }),
    whole: findSubproblem(definition, test, inputs, { ...generous, units: 1e9 })!,
  }
}

/** Every entry that a part calls final is that of the whole. */
function expectSound({ found, whole }: ReturnType<typeof part>) {
  expect(whole.whole).toBe(true)
  expect(found?.whole).toBe(false)
  for (const [i, { values, shape, final }] of found!.outputs.entries()) {
    const { values: all, shape: full } = whole.outputs[i]!
    const corner = leading(all, full, shape)
    expect(final!.some((flag) => flag === 1)).toBe(true)
    for (const [k, flag] of final!.entries()) if (flag) expect(values[k]).toBe(corner[k])
  }
}

const floats = (...shapes: number[][]) => shapes.map((shape) => ({ shape }))

describe('parts that the reference can afford', () => {
  it('are rows and columns of a product', () => {
    expectSound(part('matmul', { name: '', inputs: floats([32, 32], [32, 32]), options: {} }, 4000))
    expectSound(part('linear', { name: '', inputs: floats([64, 16], [16, 16], [16]), options: {} }, 4000))
  })

  it('are planes of a convolution short of the border of the cut', () => {
    const options = {
      stride: [1, 1, 1],
      paddingBefore: [1, 1, 1],
      paddingAfter: [1, 1, 1],
      dilation: [1, 1, 1],
      groups: 1,
    }
    const inputs = floats([1, 16, 4, 4, 2], [3, 3, 3, 3, 2], [3])
    const result = part('conv3d', { name: '', inputs, options }, 25_000)
    expectSound(result)
    expect(result.found!.outputs[0]!.final!.every((flag) => flag === 1)).toBe(false)
  })

  it('are rows of a softmax, and none along its axis', () => {
    expectSound(part('softmax', { name: '', inputs: floats([64, 8]), options: { axis: 1 } }, 1000))
    const { found } = part('softmax', { name: '', inputs: floats([512]), options: { axis: 0 } }, 1000)
    expect(found).toBeUndefined()
  })

  it('do not fall for a rotation whose lengths happen to agree', () => {
    // At lengths 3 and 6 a shift by -3 keeps what it should move.
    const options = { shifts: [-3], axes: [0] }
    const { found } = part('roll', { name: '', inputs: floats([48, 1]), options }, 8)
    expect(found?.outputs[0]?.final?.some((flag) => flag === 1) ?? false).toBe(false)
  })

  it('leave alone what an index points into', () => {
    const inputs = [{ shape: [64, 2] }, { shape: [64], dtype: 'i32' as const, range: [0, 64] as const }]
    const result = part('indexSelect', { name: '', inputs, options: { axis: 0 } }, 100)
    expectSound(result)
    expect(result.found!.inputs[0]!.shape[0]).toBe(64)
  })

  it('are the whole where that is affordable', () => {
    const add = ops.find(({ name }) => name === 'add')!
    const test = { ...benchCasesOf(add)[0]!, inputs: floats([8], [8]) }
    expect(part('add', test, 1000).found!.whole).toBe(true)
  })
})

describe('corners of arrays', () => {
  it('are cut out and put back', () => {
    const whole = Float32Array.from({ length: 12 }, (_, i) => i)
    const corner = leading(whole, [3, 4], [2, 2])
    expect([...corner]).toEqual([0, 1, 4, 5])
    expect([...embed(corner, [2, 2], [3, 4])]).toEqual([0, 1, 0, 0, 4, 5, 0, 0, 0, 0, 0, 0])
    expect(leading(whole, [3, 4], [3, 4])).toBe(whole)
  })
})
