/** What the cases of the losses do not show: labels out of place, nothing to average, options that exclude each other. */
import { describe, expect, it } from 'vitest'
import { gradients, NotSupportedError, ShapeError, scope, tensor, ValueError } from '../../src/engine/index.js'
import { infoNCE, oppositeSentence, sigLip } from '../../src/kernels/contrastive/index.js'
import { crossEntropy, diceCE, mse } from '../../src/kernels/losses/index.js'
import { caseValues, largestError, largestMagnitude } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
const labels = (values: number[]) => tensor(device, Int32Array.from(values))

describe('crossEntropy', () => {
  const logits = () => tensor(device, [1, 2, 3, 3, 2, 1], [2, 3], { requiresGrad: true })

  it('makes a label that is no class NaN', async () => {
    for (const wrong of [3, -1]) {
      const rows = await crossEntropy(logits(), labels([0, wrong]), { reduction: 'none' }).data()
      expect(rows[0]).toBeCloseTo(2.407606, 5)
      expect(rows[1]).toBeNaN()
      expect(await crossEntropy(logits(), labels([0, wrong])).item()).toBeNaN()
    }
  })

  it('is 0 without gradient where every label is ignored', async () => {
    const x = logits()
    const loss = crossEntropy(x, labels([-100, -100]))
    expect(await loss.item()).toBe(0)
    const [dx] = scope(() => gradients(loss, [x]))
    expect([...(await dx!.data())]).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('keeps the digits of gradients near certainty', async () => {
    const x = tensor(device, [20, 0, 0], [1, 3], { requiresGrad: true })
    const [dx] = scope(() => gradients(crossEntropy(x, labels([0])), [x]))
    const [atLabel] = await dx!.data()
    expect(atLabel! / (-2 * Math.exp(-20))).toBeCloseTo(1, 5)
  })

  it('passes NaN on', async () => {
    const x = tensor(device, [1, Number.NaN, 3, 3, 2, 1], [2, 3], { requiresGrad: true })
    const losses = crossEntropy(x, labels([0, 1]), { reduction: 'none' })
    expect((await losses.data())[0]).toBeNaN()
    expect((await losses.data())[1]).toBeCloseTo(1.407606, 5)
    const [dx] = scope(() => gradients(losses, [x], { gradient: tensor(device, [1, 1]) }))
    const values = [...(await dx!.data())]
    expect(values.slice(0, 3).every(Number.isNaN)).toBe(true)
    expect(values.slice(3).every(Number.isFinite)).toBe(true)
  })

  it('names the shape that a target should have', () => {
    expect(() => crossEntropy(logits(), labels([1]))).toThrow(/has shape \[2\], got \[1\]/)
    expect(() => crossEntropy(logits(), tensor(device, [1, 2], [2, 1]))).toThrow(ShapeError)
  })

  it('refuses class weights that want a gradient', () => {
    const classWeight = tensor(device, [1, 1, 1], [3], { requiresGrad: true })
    expect(() => crossEntropy(logits(), labels([0, 1]), { classWeight })).toThrow(NotSupportedError)
  })
})

it('a mean over no elements is 0', async () => {
  expect(await mse(tensor(device, [], [0, 3]), tensor(device, [], [0, 3])).item()).toBe(0)
})

it('diceCE is near 0 for a perfect and certain prediction', async () => {
  const logits = tensor(device, [30, 0, 0, 30, 30, 0], [1, 3, 2])
  const { loss, dice } = scope(() => diceCE(logits, tensor(device, Int32Array.of(0, 1, 0), [1, 3])))
  expect(await loss.item()).toBeCloseTo(0, 6)
  expect([...(await dice.data())].every((value) => Math.abs(value - 1) < 1e-6)).toBe(true)
})

describe('infoNCE', () => {
  const values = (seed: number, rows: number) => caseValues({ shape: [rows, 8] }, seed)
  const embed = (seed: number, rows: number) => tensor(device, values(seed, rows), [rows, 8])

  it('with one positive each equals the default', async () => {
    const mask = tensor(device, Uint32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1), [3, 3])
    const plain = await infoNCE(embed(1, 3), embed(2, 3), { temperature: 0.1 }).loss.item()
    for (const mode of ['inside', 'outside'] as const) {
      const { loss } = infoNCE(embed(1, 3), embed(2, 3), { temperature: 0.1, positives: { mask, mode } })
      expect(await loss.item()).toBeCloseTo(plain, 5)
    }
  })

  it('takes more texts than images, and images without any', async () => {
    const mask = tensor(device, Uint32Array.of(1, 1, 0, 0, 0, 0), [2, 3])
    for (const mode of ['inside', 'outside'] as const) {
      const image = embed(1, 2).setRequiresGrad()
      const { loss } = infoNCE(image, embed(2, 3), { temperature: 0.1, positives: { mask, mode } })
      expect(Number.isFinite(await loss.item())).toBe(true)
      const [dx] = scope(() => gradients(loss, [image]))
      expect((await dx!.data()).every(Number.isFinite)).toBe(true)
    }
  })

  it('computes in f32 from f16 embeddings', async () => {
    if (!device.capabilities.f16) return
    const half = (seed: number) => tensor(device, values(seed, 4), [4, 8], { dtype: 'f16' })
    const { loss, logits } = infoNCE(half(1), half(2), { temperature: 0.05, withLogits: true })
    expect(loss.dtype).toBe('f32')
    const full = infoNCE(embed(1, 4), embed(2, 4), { temperature: 0.05, withLogits: true })
    const want = await full.logits!.data()
    expect(largestError(await logits!.data(), want)).toBeLessThan(2e-3 * largestMagnitude(want))
  })

  it('refuses what does not go together', () => {
    const [image, text] = [embed(1, 3), embed(2, 3)]
    const mask = tensor(device, new Uint32Array(9), [3, 3])
    const targets = { imageToText: tensor(device, new Float32Array(9), [3, 3]) }
    expect(() => infoNCE(image, embed(2, 4), { temperature: 1 })).toThrow(ShapeError)
    expect(() => infoNCE(image, text, { temperature: 1, targets })).toThrow(ValueError)
    expect(() => infoNCE(image, text, { temperature: 1, targets, positives: { mask, mode: 'inside' } })).toThrow(
      ValueError,
    )
    expect(() => sigLip(image, embed(2, 4), { logScale: tensor(device, 0), bias: tensor(device, 0) })).toThrow(
      ShapeError,
    )
  })
})

it('oppositeSentence is 0 when no pair counts', async () => {
  const pairs = () => tensor(device, caseValues({ shape: [2, 2, 4] }, 3), [2, 2, 4])
  const image = tensor(device, caseValues({ shape: [2, 4] }, 4), [2, 4])
  const none = tensor(device, Int32Array.of(-1, -1, -1, -1), [2, 2])
  expect(await oppositeSentence(image, pairs(), pairs(), none, { temperature: 0.07 }).item()).toBe(0)
})
