import { describe, expect, it } from 'vitest'
import { backward, scope, sizeOf, type Tensor, tensor, zeros } from '../../src/engine/index.js'
import { square, sub } from '../../src/kernels/elementwise/index.js'
import { linear } from '../../src/kernels/matmul/index.js'
import { mean, sum } from '../../src/kernels/reduce/index.js'
import { philox4x32 } from '../../src/numeric/philox.js'
import { AdamW, clipGradNorm, Ema, type Optimizer, SGD } from '../../src/train/index.js'
import { largestError } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const random = (shape: readonly number[], seed: number) =>
  Float32Array.from({ length: sizeOf(shape) }, (_, n) => philox4x32([n, 0, 0, 0], [seed, 3])[0] / 2 ** 31 - 1)
const parameter = (shape: readonly number[], seed: number) =>
  tensor(device, random(shape, seed), shape, { requiresGrad: true })
const giveGradient = (to: Tensor, seed: number) => {
  to.grad?.dispose()
  to.grad = tensor(device, random(to.shape, seed), to.shape)
}

/** AdamW in float64. */
function adamwReference(p: Float64Array, gradients: readonly ArrayLike<number>[], lr: number, decay: number) {
  const [beta1, beta2, eps] = [0.9, 0.999, 1e-8]
  const m = new Float64Array(p.length)
  const v = new Float64Array(p.length)
  for (const [s, g] of gradients.entries()) {
    for (let i = 0; i < p.length; i++) {
      m[i] = beta1 * m[i]! + (1 - beta1) * g[i]!
      v[i] = beta2 * v[i]! + (1 - beta2) * g[i]! ** 2
      const step = m[i]! / (1 - beta1 ** (s + 1)) / (Math.sqrt(v[i]! / (1 - beta2 ** (s + 1))) + eps)
      p[i] = p[i]! * (1 - lr * decay) - lr * step
    }
  }
  return p
}

describe('AdamW', () => {
  it('follows its float64 reference, whatever the length of the tensor', async () => {
    for (const size of [1, 3, 4, 1025]) {
      const p = parameter([size], size)
      const start = Float64Array.from(await p.data())
      const optimizer = new AdamW([p], { lr: 0.02 })
      for (let s = 0; s < 5; s++) {
        giveGradient(p, 100 + s)
        optimizer.step()
      }
      const gradients = Array.from({ length: 5 }, (_, s) => random([size], 100 + s))
      expect(largestError(await p.data(), adamwReference(start, gradients, 0.02, 0.01))).toBeLessThan(2e-6)
      optimizer.dispose()
      p.dispose()
    }
  })

  it('gives each of many parameters its own settings and step, however they share dispatches', async () => {
    const sizes = [1, 5, 1024, 1025, 3, 2048, 7, 4097, 2, 9, 1, 0, 33]
    const list = sizes.map((size, n) => parameter([size], n))
    const starts = await Promise.all(list.map(async (p) => Float64Array.from(await p.data())))
    const optimizer = new AdamW(
      list.map((p, n) => ({ parameters: [p], weightDecay: n / 20, lrScale: 1 + n / 10 })),
      { lr: 0.02 },
    )
    for (const [n, p] of list.entries()) {
      giveGradient(p, 50 + n)
      if (n % 3 !== 0) continue
      // These are a step ahead of the others.
      optimizer.step()
      for (const other of list) {
        other.grad?.dispose()
        other.grad = undefined
      }
      giveGradient(p, 50 + n)
    }
    for (const [n, p] of list.entries()) giveGradient(p, 50 + n)
    optimizer.step()
    for (const [n, { steps }] of optimizer.state.parameters.entries()) {
      const gradients = Array.from({ length: steps }, () => random([sizes[n]!], 50 + n))
      const expected = adamwReference(starts[n]!, gradients, 0.02 * (1 + n / 10), n / 20)
      expect(largestError(await list[n]!.data(), expected)).toBeLessThan(2e-6)
    }
    expect(new Set(optimizer.state.parameters.map(({ steps }) => steps)).size).toBeGreaterThan(1)
    for (const value of [...list, optimizer]) value.dispose()
  })

  it('passes over parameters without a gradient, and counts their steps on their own', async () => {
    const [a, b] = [parameter([4], 1), parameter([4], 2)]
    const before = await b.data()
    const optimizer = new AdamW([a, b])
    giveGradient(a, 3)
    optimizer.step()
    expect(await b.data()).toEqual(before)
    expect(optimizer.state.parameters.map(({ steps }) => steps)).toEqual([1, 0])
    optimizer.zeroGrad()
    expect(a.grad).toBeUndefined()
    for (const value of [a, b, optimizer]) value.dispose()
  })

  it('takes groups with settings of their own', async () => {
    const make = () => [parameter([5], 1), parameter([5], 2)] as const
    const grouped = make()
    const alone = make()
    const optimizers = [
      new AdamW(
        [
          { parameters: [grouped[0]], weightDecay: 0 },
          { parameters: [grouped[1]], lrScale: 0.1 },
        ],
        { lr: 0.01, weightDecay: 0.3 },
      ),
      new AdamW([alone[0]], { lr: 0.01, weightDecay: 0 }),
      new AdamW([alone[1]], { lr: 0.001, weightDecay: 0.3 }),
    ]
    for (const [k, p] of [...grouped, ...alone].entries()) giveGradient(p, 10 + (k % 2))
    for (const optimizer of optimizers) optimizer.step()
    for (const k of [0, 1] as const) expect(await grouped[k].data()).toEqual(await alone[k].data())
    for (const value of [...grouped, ...alone, ...optimizers]) value.dispose()
  })

  it('refuses parameters and settings that make no sense', () => {
    const p = parameter([2], 1)
    const whole = tensor(device, Int32Array.of(1, 2))
    expect(() => new AdamW([p, p])).toThrow('listed twice')
    expect(() => new AdamW([whole])).toThrow('must be f32')
    expect(() => new AdamW([p], { lr: Number.NaN })).toThrow('learning rate')
    expect(() => new AdamW([p], { betas: [0.9, 1] })).toThrow('betas')
    expect(() => new SGD([p], { nesterov: true })).toThrow('Nesterov')
    const optimizer = new AdamW([p])
    expect(() => {
      optimizer.lr = -1
    }).toThrow('learning rate')
    p.dispose()
    whole.dispose()
  })
})

describe('state', () => {
  const makers: Record<string, (p: Tensor) => Optimizer> = {
    AdamW: (p) => new AdamW([p], { lr: 0.05 }),
    SGD: (p) => new SGD([p], { lr: 0.05, momentum: 0.9, dampening: 0.2 }),
    'SGD without momentum': (p) => new SGD([p], { lr: 0.05 }),
  }
  it.each(Object.keys(makers))('of %s continues where it was stored', async (name) => {
    const make = makers[name]!
    const p = parameter([6], 1)
    const whole = make(p)
    const step = (optimizer: Optimizer, on: Tensor, s: number) => {
      giveGradient(on, s)
      optimizer.step()
    }
    for (let s = 0; s < 3; s++) step(whole, p, s)
    const stored = {
      lr: whole.state.lr,
      parameters: await Promise.all(
        whole.state.parameters.map(async ({ steps, slots }) => ({
          steps,
          slots: Object.fromEntries(
            await Promise.all(Object.entries(slots).map(async ([key, value]) => [key, await value.data()] as const)),
          ),
        })),
      ),
    }
    const copy = tensor(device, await p.data(), p.shape)
    const resumed = make(copy)
    resumed.restore(stored)
    for (let s = 3; s < 6; s++) {
      step(whole, p, s)
      step(resumed, copy, s)
    }
    expect(await copy.data()).toEqual(await p.data())
    expect(() => resumed.restore({ lr: 1, parameters: [] })).toThrow('0 parameters')
    for (const value of [p, copy, whole, resumed]) value.dispose()
  })
})

describe('updates in place', () => {
  it('are noticed by the tape', () => {
    const p = parameter([3], 1)
    const optimizer = new AdamW([p])
    scope(() => {
      const loss = sum(square(p))
      giveGradient(p, 2)
      optimizer.step()
      expect(() => backward(loss)).toThrow('overwritten in place')
    })
    for (const value of [p, optimizer]) value.dispose()
  })

  it('need the same memory at every step, and learn', async () => {
    const [weight, bias] = [parameter([1, 4], 5), parameter([1], 6)]
    const x = tensor(device, random([64, 4], 7), [64, 4])
    const target = scope(() => linear(x, tensor(device, [1, -2, 3, 0.5], [1, 4]), { bias: tensor(device, [0.25]) }))
    const optimizer = new AdamW([weight, bias], { lr: 0.05, weightDecay: 0 })
    const ema = new Ema([weight, bias], 0.9)
    const step = () =>
      scope(() => {
        const loss = mean(square(sub(linear(x, weight, { bias }), target)))
        backward(loss)
        clipGradNorm([weight, bias], 1)
        optimizer.step()
        optimizer.zeroGrad()
        ema.update()
        return loss
      })
    const losses: number[] = []
    const memory: string[] = []
    for (let s = 0; s < 300; s++) {
      device.resetPeakMemory()
      const loss = step()
      if (s % 30 === 9) {
        const { liveBytes, liveStorages, peakBytes, buffersCreated } = device.memory()
        memory.push([liveBytes, liveStorages, peakBytes, buffersCreated].join(' '))
        losses.push(await loss.item())
      }
      loss.dispose()
    }
    expect(new Set(memory).size).toBe(1)
    expect(losses.at(-1)!).toBeLessThan(1e-3)
    expect(losses[0]!).toBeGreaterThan(1)
    expect(largestError(await ema.averages[0]!.data(), await weight.data())).toBeLessThan(0.05)
    for (const value of [weight, bias, x, target, optimizer, ema]) value.dispose()
  })
})

describe('clipGradNorm', () => {
  it('measures many tensors together and scales them once', async () => {
    const shapes = [[1], [16385], [3, 5, 7], [40_000], [2, 0], ...Array.from({ length: 30 }, (_, n) => [n + 1])]
    const parameters = shapes.map((shape) => zeros(device, shape))
    for (const [k, p] of parameters.entries()) giveGradient(p, k)
    const all = shapes.flatMap((shape, k) => Array.from(random(shape, k)))
    const want = Math.hypot(...all)
    const norm = clipGradNorm(parameters, 2)
    expect(Math.abs((await norm.item()) / want - 1)).toBeLessThan(1e-6)
    for (const [k, p] of parameters.entries()) {
      const scaled = random(shapes[k]!, k).map((value) => value * (2 / (want + 1e-6)))
      expect(largestError(await p.grad!.data(), scaled)).toBeLessThan(1e-8)
    }
    for (const value of [norm, ...parameters]) value.dispose()
  })

  it('leaves small gradients as they are, only measures for Infinity, and passes NaN on', async () => {
    const p = zeros(device, [2])
    const clipped = async (values: number[], maxNorm: number) => {
      p.grad = tensor(device, values)
      const norm = clipGradNorm([p], maxNorm)
      const result = [await norm.item(), ...(await p.grad.data())]
      for (const value of [norm, p.grad]) value.dispose()
      p.grad = undefined
      return result
    }
    expect(await clipped([3, 4], 6)).toEqual([5, 3, 4])
    expect(await clipped([3, 4], Number.POSITIVE_INFINITY)).toEqual([5, 3, 4])
    expect(await clipped([Number.NaN, 4], 1)).toEqual([Number.NaN, Number.NaN, Number.NaN])
    const none = clipGradNorm([p], 1)
    expect(await none.item()).toBe(0)
    expect(() => clipGradNorm([p], 0)).toThrow('positive')
    for (const value of [p, none]) value.dispose()
  })
})

describe('Ema', () => {
  it('starts as a copy and follows its decay', async () => {
    const p = parameter([5], 1)
    const start = await p.data()
    const ema = new Ema([p], 0.75)
    expect(await ema.averages[0]!.data()).toEqual(start)
    p.write(start.map((value) => value + 1))
    ema.update()
    expect(
      largestError(
        await ema.averages[0]!.data(),
        Array.from(start, (value) => value + 0.25),
      ),
    ).toBeLessThan(1e-6)
    expect(() => new Ema([p], 1.5)).toThrow('from 0 to 1')
    for (const value of [p, ema]) value.dispose()
  })
})

describe('SGD', () => {
  it('without momentum is the gradient times the rate', async () => {
    const p = parameter([7], 1)
    const start = await p.data()
    const optimizer = new SGD([p], { lr: 0.5, weightDecay: 0.1 })
    p.grad = tensor(device, new Float32Array(7).fill(3))
    optimizer.step()
    expect(optimizer.state.parameters[0]!.slots).toEqual({})
    expect(
      largestError(
        await p.data(),
        Array.from(start, (value) => value - 0.5 * (3 + 0.1 * value)),
      ),
    ).toBeLessThan(1e-6)
    for (const value of [p, optimizer]) value.dispose()
  })
})
