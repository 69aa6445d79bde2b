import { describe, expect, it } from 'vitest'
import {
  backward,
  checkpoint,
  customOp,
  gradcheck,
  gradients,
  noGrad,
  profile,
  ShapeError,
  scope,
  tensor,
  VoxgradError,
} from '../../src/engine/index.js'
import { add, cast, exp, gelu, mul, silu, square, tanh } from '../../src/kernels/elementwise/index.js'
import { matmul } from '../../src/kernels/matmul/index.js'
import { mean, sum } from '../../src/kernels/reduce/index.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const leaf = (values: number[], shape?: number[]) => tensor(device, values, shape, { requiresGrad: true })
const close = async (x: { data(): Promise<ArrayLike<number>> }, want: number[]) => {
  const got = await x.data()
  for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 5)
}

describe('backward', () => {
  it('adds up over several uses and several calls', async () => {
    const x = leaf([1, 2, 3])
    const run = () => scope(() => backward(sum(add(mul(x, x), x))))
    run()
    await close(x.grad!, [3, 5, 7])
    run()
    await close(x.grad!, [6, 10, 14])
    x.dispose()
  })

  it('adds up when one operation takes a tensor twice, and when it passes its gradient through', async () => {
    const x = leaf([1, 2])
    const run = () =>
      scope(() => {
        const y = add(x, x)
        backward(sum(mul(add(y, y), add(y, x))))
      })
    run()
    // (4x)(3x), twice
    await close(x.grad!, [24, 48])
    run()
    await close(x.grad!, [48, 96])
    x.dispose()
  })

  it('reduces gradients over broadcast axes', async () => {
    const x = leaf([1, 2, 3, 4, 5, 6], [2, 3])
    const bias = leaf([1, 1, 1])
    scope(() => backward(sum(mul(x, bias))))
    await close(bias.grad!, [5, 7, 9])
    await close(x.grad!, [1, 1, 1, 1, 1, 1])
    x.dispose()
    bias.dispose()
  })

  it('keeps f32 gradients for f16 leaves', async () => {
    if (!device.capabilities.f16) return
    const x = tensor(device, [0.5, 1.5], [2], { dtype: 'f16', requiresGrad: true })
    scope(() => backward(sum(cast(add(mul(x, x), x), 'f32'))))
    expect(x.grad!.dtype).toBe('f32')
    await close(x.grad!, [2, 4])
    x.dispose()
  })

  it('frees the graph, unless told to retain it', () => {
    const x = leaf([1, 2])
    const loss = sum(square(x))
    backward(loss, { retainGraph: true })
    backward(loss)
    expect(() => backward(loss)).toThrow('retainGraph')
    x.dispose()
    loss.dispose()
  })

  it('holds no memory after a step', () => {
    const x = leaf([1, 2, 3])
    const step = () => scope(() => backward(mean(silu(square(x)))))
    step()
    const before = device.memory().liveBytes
    for (let i = 0; i < 5; i++) step()
    expect(device.memory().liveBytes).toBe(before)
    x.dispose()
  })

  it('notices values that were overwritten since the forward pass', () => {
    const x = leaf([1, 2])
    const y = tensor(device, [3, 4])
    const loss = sum(mul(x, y))
    y.write([0, 0])
    expect(() => backward(loss)).toThrow('overwritten')
    for (const value of [x, y, loss]) value.dispose()
  })

  it('refuses outputs without a path, or without a gradient of their shape', () => {
    const x = leaf([1, 2])
    expect(() => backward(noGrad(() => sum(x)))).toThrow(VoxgradError)
    expect(() => backward(square(x))).toThrow(ShapeError)
    x.dispose()
  })
})

describe('gradients', () => {
  it('leaves grad alone and gives zeros where there is no path', async () => {
    const x = leaf([2])
    const other = leaf([5])
    const [dx, dOther] = scope(() => gradients(sum(square(x)), [x, other]))
    expect(x.grad).toBeUndefined()
    await close(dx!, [4])
    await close(dOther!, [0])
    for (const value of [x, other, dx!, dOther!]) value.dispose()
  })
})

describe('checkpoint', () => {
  it('gives the same gradients, also for parameters it closes over, in less memory', async () => {
    const weight = leaf([0.1, -0.2, 0.3, 0.4], [2, 2])
    const x = leaf([1, 2, 3, 4], [2, 2])
    const block = (h: typeof x) => tanh(gelu(matmul(exp(matmul(h, weight)), weight)))
    const run = (segment: (h: typeof x) => typeof x) => scope(() => gradients(sum(segment(x)), [x, weight]))
    const plain = run(block)
    const again = run((h) => checkpoint(block, h))
    for (const i of [0, 1]) await close(again[i]!, Array.from(await plain[i]!.data()))
    const saved = (segment: (h: typeof x) => typeof x) => {
      const before = device.memory().liveStorages
      const y = scope(() => segment(x))
      const held = device.memory().liveStorages - before
      y.dispose()
      return held
    }
    expect(saved((h) => checkpoint(block, h))).toBeLessThan(saved(block))
    for (const value of [weight, x, ...plain, ...again]) value.dispose()
  })
})

describe('gradcheck', () => {
  it('accepts right gradients', async () => {
    const x = tensor(device, [0.1, 0.5, -0.4])
    const weight = tensor(device, [0.3, -0.2, 0.7])
    expect(await gradcheck((a, b) => sum(tanh(mul(a, b))), [x, weight])).toBeLessThan(1e-2)
    x.dispose()
    weight.dispose()
  })

  it('names input and element of a wrong one', async () => {
    const wrong = customOp<Record<string, never>>({
      name: 'wrong',
      doc: 'Doubles, and says its gradient is 3.',
      shape: ([x]) => [x!],
      forward: (_, [x]) => mul(x!, 2),
      backward: (_, [dy]) => [mul(dy!, 3)],
      reference: ([x]) => [{ ...x!, data: x!.data.map((value) => 2 * value) }],
      cases: [],
    })
    const x = tensor(device, [1, 2])
    await expect(gradcheck((a) => wrong([a], {}), [x])).rejects.toThrow('input 0, element 0')
    x.dispose()
  })
})

describe('profile', () => {
  it('tells time, bytes and flops by kernel', async () => {
    if (!device.capabilities.timestampQuery) return
    const x = tensor(device, new Float32Array(4096), [64, 64])
    const { rows, totalMs, result } = await profile(device, () => scope(() => sum(matmul(x, gelu(x)))))
    expect(rows.map(({ op }) => op).sort()).toEqual(['gelu', 'matmul', 'sum'])
    expect(rows.find(({ op }) => op === 'matmul')).toMatchObject({ calls: 1, flops: 2 * 64 ** 3, bytes: 3 * 4 * 4096 })
    expect(rows.reduce((total, { share }) => total + share, 0)).toBeCloseTo(1)
    expect(totalMs).toBeGreaterThan(0)
    x.dispose()
    result.dispose()
  })
})
