import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gradcheck, type Tensor, tensor } from '../../../src/engine/index.js'
import { l2Normalize } from '../../../src/kernels/index.js'
import { captionGroups, fvlmLoss, groupTargets, normalTemplate, organLoss, teaches } from '../../../src/models/index.js'
import { testDevice } from '../../support/device.js'

const device = await testDevice()
const normal = normalTemplate('heart')
const captions = [normal, 'cardiomegaly.', `${normal}the contour is normal.`, 'cardiomegaly.', 'effusion.']

const values = (rows: number, columns: number, seed: number): number[] =>
  Array.from({ length: rows * columns }, (_, i) => Math.sin(seed + 1.7 * i))
const unit = (x: Tensor) => l2Normalize(x, { axis: 1 })
const rows = (seed: number) => unit(tensor(device, values(5, 6, seed), [5, 6]))

/** The loss as the definition writes it, in float64. */
function reference(image: number[], text: number[], own: readonly string[], temperature: number): number {
  const n = own.length
  const width = image.length / n
  const isNormal = own.map((caption) => caption.startsWith(normal))
  let total = 0
  for (const [a, b] of [
    [image, text],
    [text, image],
  ] as const) {
    for (let i = 0; i < n; i++) {
      const logits = own.map((_, j) => {
        let dot = 0
        for (let k = 0; k < width; k++) dot += a[i * width + k]! * b[j * width + k]!
        return dot / temperature
      })
      const top = Math.max(...logits)
      const logSum = top + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0))
      const positive = own.map((caption, j) => i === j || (isNormal[i] && isNormal[j]) || caption === own[i])
      const count = positive.filter(Boolean).length
      for (let j = 0; j < n; j++) if (positive[j]) total -= (logits[j]! - logSum) / count / n
    }
  }
  return total / 2
}

describe('groups of captions', () => {
  it('join normal ones and identical ones', () => {
    expect([...captionGroups(captions, 'heart')]).toEqual([0, 1, 0, 1, 2])
  })

  it('give targets that add up to 1 in each row and are symmetric in what belongs together', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...captions), { minLength: 1, maxLength: 12 }), (own) => {
        const n = own.length
        const targets = groupTargets(captionGroups(own, 'heart'))
        for (let i = 0; i < n; i++) {
          let sum = 0
          for (let j = 0; j < n; j++) {
            sum += targets[i * n + j]!
            expect(targets[i * n + j]! > 0).toBe(targets[j * n + i]! > 0)
          }
          expect(sum).toBeCloseTo(1, 6)
        }
      }),
    )
  })

  it('teach nothing when all are normal, all the same, or alone', () => {
    expect(teaches([normal, captions[2]!], 'heart')).toBe(false)
    expect(teaches(['x.', 'x.'], 'heart')).toBe(false)
    expect(teaches(['x.'], 'heart')).toBe(false)
    expect(teaches(['x.', normal], 'heart')).toBe(true)
  })
})

describe('the objective', () => {
  const temperature = tensor(device, 0.2)

  it('is the soft cross-entropy of its definition, summed over anatomies', async () => {
    const [image, text] = [rows(1), rows(2)]
    const pairs = { anatomy: 'heart', image, text, captions }
    const one = await organLoss(pairs, temperature).item()
    const want = reference([...(await image.data())], [...(await text.data())], captions, 0.2)
    expect(Math.abs(one - want)).toBeLessThan(1e-5)
    const idle = { ...pairs, captions: captions.map(() => normal) }
    const sum = await fvlmLoss([pairs, idle, pairs], temperature)!.item()
    expect(Math.abs(sum - 2 * want)).toBeLessThan(2e-5)
    expect(fvlmLoss([idle], temperature)).toBeUndefined()
  })

  it('has the gradients of its values', async () => {
    const inputs = [
      tensor(device, values(5, 6, 3), [5, 6]),
      tensor(device, values(5, 6, 4), [5, 6]),
      tensor(device, 0.4),
    ]
    await gradcheck(
      (image: Tensor, text: Tensor, scale: Tensor) =>
        organLoss({ anatomy: 'heart', image: unit(image), text: unit(text), captions }, scale),
      inputs,
    )
  })

  it('refuses captions that do not fit, and those that teach nothing', () => {
    const pairs = { anatomy: 'heart', image: rows(1), text: rows(2), captions }
    expect(() => organLoss({ ...pairs, captions: ['x.'] }, temperature)).toThrow(/heart/)
    expect(() => organLoss({ ...pairs, captions: captions.map(() => normal) }, temperature)).toThrow(/teach nothing/)
  })
})

describe('co-teaching', () => {
  const pairs = { anatomy: 'heart', image: rows(1), text: rows(2), captions }
  const peer = { peerImage: rows(5), peerText: rows(6), peerTemperature: tensor(device, 0.3) }
  const temperature = tensor(device, 0.2)

  it('is the plain objective at alpha 0', async () => {
    const plain = await organLoss(pairs, temperature).item()
    expect(Math.abs((await organLoss(pairs, temperature, { ...peer, alpha: 0 }).item()) - plain)).toBeLessThan(1e-5)
    expect(await organLoss(pairs, temperature, peer).item()).not.toBeCloseTo(plain, 3)
  })

  it('has the gradients of its values, and none for the other model', async () => {
    const inputs = [tensor(device, values(5, 6, 3), [5, 6]), tensor(device, values(5, 6, 4), [5, 6])]
    await gradcheck(
      (image: Tensor, text: Tensor) => organLoss({ ...pairs, image: unit(image), text: unit(text) }, temperature, peer),
      inputs,
    )
  })

  it('refuses an alpha beyond 0 to 1', () => {
    expect(() => organLoss(pairs, temperature, { ...peer, alpha: 1.5 })).toThrow(/alpha/)
  })
})
