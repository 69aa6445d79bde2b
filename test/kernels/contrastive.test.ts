/** Contrastive losses over several blocks of logits, and what they keep in memory. */
import { describe, expect, it } from 'vitest'
import { withoutLaunching } from '../../src/engine/dispatch.js'
import { empty, gradients, scope, type Tensor, tensor } from '../../src/engine/index.js'
import { composedInfoNce, infoNCE, sigLip } from '../../src/kernels/contrastive/index.js'
import { add, mul } from '../../src/kernels/elementwise/index.js'
import { slice } from '../../src/kernels/layout/index.js'
import { caseValues, largestError, largestMagnitude } from '../support/arrays.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()

const embed = (seed: number, rows: number, features: number, values = caseValues({ shape: [rows, features] }, seed)) =>
  tensor(device, values, [rows, features], { requiresGrad: true })

/** A loss and the gradients of its inputs. */
async function evaluate(loss: () => Tensor, inputs: readonly Tensor[]): Promise<Float64Array[]> {
  const results = scope(() => {
    const value = loss()
    return [value, ...gradients(value, inputs)]
  })
  const values = await Promise.all(results.map(async (result) => Float64Array.from(await result.data())))
  for (const result of results) result.dispose()
  return values
}

function expectClose(found: readonly Float64Array[], want: readonly Float64Array[]): void {
  for (const [i, values] of want.entries()) {
    expect(largestError(found[i]!, values), `result ${i}`).toBeLessThan(2e-5 * largestMagnitude(values))
  }
}

/** Logits are walked in blocks, however few they are. */
const walked = { keptLogitBytes: 0 }

describe('several blocks', () => {
  // 300 rows make three blocks of 128, 128 and 44 either way; 7 features are no whole vectors, and 299 no whole block rows.
  for (const [count, features] of [
    [300, 8],
    [299, 7],
  ] as const) {
    it(`${count} pairs of ${features} give what the composed loss gives`, async () => {
      const inputs = [
        embed(1, count, features),
        embed(2, count, features),
        tensor(device, [0.2], [], { requiresGrad: true }),
      ]
      const [image, text, temperature] = inputs as [Tensor, Tensor, Tensor]
      expectClose(
        await evaluate(() => infoNCE(image, text, { temperature, ...walked }).loss, inputs),
        await evaluate(() => composedInfoNce(image, text, temperature), inputs),
      )
    })
  }

  it('targets of every kind are read from the right place', async () => {
    const [count, classes] = [290, 7]
    const inputs = [embed(1, count, 8), embed(2, count, 8)] as const
    const labels = Int32Array.from({ length: count }, (_, i) => (i * 5) % classes)
    const mask = Uint32Array.from({ length: count ** 2 }, (_, i) =>
      Number(labels[Math.floor(i / count)] === labels[i % count]),
    )
    const counts = Array.from({ length: classes }, (_, label) => labels.filter((own) => own === label).length)
    const soft = Float32Array.from(mask, (flag, i) => flag / counts[labels[i % count]!]!)
    const [image, text] = [tensor(device, labels), tensor(device, labels)]
    const groups = { groups: { image, text, mode: 'outside' as const } }
    const positives = { positives: { mask: tensor(device, mask, [count, count]), mode: 'outside' as const } }
    const shares = tensor(device, soft, [count, count])
    const targets = { targets: { imageToText: shares, textToImage: shares } }
    const [want, ...others] = await Promise.all(
      [groups, positives, targets].map((options) =>
        evaluate(() => infoNCE(...inputs, { temperature: 0.3, ...walked, ...options }).loss, inputs),
      ),
    )
    for (const found of others) expectClose(found, want!)
  })

  it('parts of a batch add up to the whole', async () => {
    const [count, local] = [384, 128]
    const inputs = [embed(1, count, 8), embed(2, count, 8)] as const
    const options = { temperature: 0.3, symmetric: false, ...walked }
    const parts = () =>
      [0, 1, 2].reduce<Tensor | undefined>((total, part) => {
        const offset = part * local
        const own = slice(inputs[0], [[offset, offset + local, 1]])
        const { loss } = infoNCE(own, inputs[1], { ...options, offset })
        return total ? add(total, loss) : loss
      }, undefined)!
    expectClose(
      await evaluate(() => mul(parts(), 1 / 3), inputs),
      await evaluate(() => infoNCE(...inputs, options).loss, inputs),
    )
  })

  it('the pairwise loss sums over all of them', async () => {
    const count = 260
    const inputs = [embed(1, count, 8), embed(2, count, 8)] as const
    const [logScale, bias] = [tensor(device, 1), tensor(device, -2)]
    const all = await sigLip(...inputs, { logScale, bias, ...walked }).item()
    const { logits } = infoNCE(...inputs, { logScale, withLogits: true })
    const values = Float64Array.from(await logits!.data())
    const want = values.reduce((total, value, i) => {
      const logit = value - 2
      const isPair = Math.floor(i / count) === i % count
      return total + Math.log1p(Math.exp(isPair ? -logit : logit))
    }, 0)
    expect(all).toBeCloseTo(want / count, 2)
  })
})

it('embeddings without length have no gradient that explodes', async () => {
  const image = embed(1, 3, 8, [
    ...new Array(8).fill(0),
    ...caseValues({ shape: [2, 8] }, 1),
  ] as unknown as Float64Array)
  const [loss, dx] = await evaluate(() => infoNCE(image, embed(2, 3, 8), { temperature: 0.5 }).loss, [image])
  expect(Number.isFinite(loss![0])).toBe(true)
  expect(dx!.slice(8).every(Number.isFinite)).toBe(true)
})

describe('memory beyond embeddings and their gradients', () => {
  const extra = (loss: () => Tensor, inputs: readonly Tensor[]) => {
    device.pool.trim()
    const before = device.memory().liveBytes
    device.resetPeakMemory()
    const results = scope(() => gradients(loss(), inputs))
    const made = results.reduce((bytes, result) => bytes + result.byteLength, 0)
    for (const result of results) result.dispose()
    return device.memory().peakBytes - before - made
  }

  // Nothing is launched: what is allocated, and when, does not depend on values.
  const taken = (count: number, features: number, loss: (image: Tensor, text: Tensor) => Tensor): number => {
    const inputs = [1, 2].map(() => empty(device, [count, features]).setRequiresGrad()) as [Tensor, Tensor]
    const bytes = withoutLaunching(
      () => undefined,
      () => extra(() => loss(...inputs), inputs),
    )
    for (const input of inputs) input.dispose()
    device.pool.trim()
    return bytes
  }
  const fused = (image: Tensor, text: Tensor) => infoNCE(image, text, { temperature: 0.1 }).loss
  const composed = (image: Tensor, text: Tensor) => composedInfoNce(image, text, 0.1)

  it('is less than a twentieth of what the composed loss takes for 4096 pairs', () => {
    expect(taken(4096, 512, fused)).toBeLessThan(taken(4096, 512, composed) / 20)
  })

  it('is one matrix of logits and one of texts where weights are kept', () => {
    expect(taken(2048, 512, fused)).toBeLessThan(20 * 2 ** 20)
  })

  it('is some 20 MiB for 65,536 pairs of 512, whose logits would take 16 GiB', () => {
    expect(taken(65_536, 512, fused)).toBeLessThan(32 * 2 ** 20)
  })
})

describe.runIf(process.env.VOXGRAD_SLOW_TESTS === '1')('slow', () => {
  /**
   * Loss and gradients in float64 of rows that repeat `images` and `texts` until there are `count` pairs: every softmax is a
   * sum over kinds of rows. Their numbers are coprime with each other and with a block's edge, so that none is in step.
   */
  function repeated(
    images: readonly Float64Array[],
    texts: readonly Float64Array[],
    count: number,
    temperature: number,
  ) {
    const length = (row: Float64Array) => Math.hypot(...row)
    const unit = (row: Float64Array) => row.map((value) => value / length(row))
    const dot = (a: Float64Array, b: Float64Array) => a.reduce((total, value, d) => total + value * b[d]!, 0)
    const [left, right] = [images.map(unit), texts.map(unit)]
    const times = (kinds: number, kind: number) => Math.ceil((count - kind) / kinds)
    const logits = left.map((a) => right.map((b) => dot(a, b) / temperature))
    const logSum = (values: readonly number[]) => Math.log(values.reduce((total, value) => total + value, 0))
    const ofImage = logits.map((row) => logSum(row.map((s, k) => times(right.length, k) * Math.exp(s))))
    const ofText = right.map((_, k) => logSum(logits.map((row, c) => times(left.length, c) * Math.exp(row[k]!))))
    const weight = (c: number, k: number) =>
      Math.exp(logits[c]![k]! - ofImage[c]!) + Math.exp(logits[c]![k]! - ofText[k]!)
    const gradient = (row: Float64Array, others: readonly Float64Array[], of: (other: number) => number) => {
      const sum = row.map((_, d) => others.reduce((total, other, k) => total + of(k) * other[d]!, 0))
      const scaled = sum.map((value) => value / (2 * count * temperature))
      const own = unit(row)
      const along = dot(own, scaled)
      return scaled.map((value, d) => (value - along * own[d]!) / length(row))
    }
    const of = (i: number) => [i % left.length, i % right.length] as const
    let loss = 0
    for (let i = 0; i < count; i++) {
      const [c, k] = of(i)
      loss += (ofImage[c]! + ofText[k]! - 2 * logits[c]![k]!) / (2 * count)
    }
    return {
      loss,
      imageGradient: (i: number) => {
        const [c, own] = of(i)
        return gradient(images[c]!, right, (k) => times(right.length, k) * weight(c, k) - 2 * Number(k === own))
      },
      textGradient: (i: number) => {
        const [own, k] = of(i)
        return gradient(texts[k]!, left, (c) => times(left.length, c) * weight(c, k) - 2 * Number(c === own))
      },
    }
  }

  it('65,536 pairs of 64, forward and backward, in less than 32 MiB', { timeout: 900_000 }, async () => {
    const [count, features, temperature] = [65_536, 64, 0.2]
    const kinds = [61, 67].map((number, seed) =>
      Array.from({ length: number }, (_, kind) =>
        Float64Array.from(caseValues({ shape: [features] }, 1000 * seed + kind + 1), Math.fround),
      ),
    ) as [Float64Array[], Float64Array[]]
    const inputs = kinds.map((rows) =>
      embed(
        0,
        count,
        features,
        Float64Array.from({ length: count * features }, (_, i) => {
          return rows[Math.floor(i / features) % rows.length]![i % features]!
        }),
      ),
    ) as [Tensor, Tensor]
    await device.sync()
    device.pool.trim()
    const before = device.memory().liveBytes
    device.resetPeakMemory()
    const found = await evaluate(() => infoNCE(...inputs, { temperature }).loss, inputs)
    const gradientBytes = 2 * 4 * count * features
    expect(device.memory().peakBytes - before - gradientBytes).toBeLessThan(32 * 2 ** 20)
    const want = repeated(...kinds, count, temperature)
    expect(found[0]![0]).toBeCloseTo(want.loss, 5)
    for (const i of [0, 1, 1023, 1024, 30_000, 65_535]) {
      const row = (values: Float64Array) => values.subarray(i * features, (i + 1) * features)
      expectClose([row(found[1]!), row(found[2]!)], [want.imageGradient(i), want.textGradient(i)])
    }
  })
})
