import { describe, expect, it } from 'vitest'
import { RandomStream } from '../../../src/data/index.js'
import { tensor } from '../../../src/engine/index.js'
import {
  evaluateProbe,
  type ProbeData,
  type ProbePooling,
  poolTokens,
  probeLogits,
  probePoolings,
  trainProbe,
} from '../../../src/train/index.js'
import { largestError } from '../../support/arrays.js'
import { testDevice } from '../../support/device.js'

const [tokens, features] = [6, 4]

/** The first feature of every token tells the first finding; that of one token alone, much larger, the second. */
function studies(count: number, seed: number): ProbeData {
  const random = new RandomStream(seed, 0)
  const labels = Array.from({ length: 2 * count }, () => (random.uniform() < 0.5 ? 1 : 0))
  const values = Array.from({ length: count }, (_, study) => {
    const own = Float32Array.from({ length: tokens * features }, () => random.uniform(-0.3, 0.3))
    for (let token = 0; token < tokens; token++) own[token * features]! += labels[2 * study]! * 2 - 1
    if (labels[2 * study + 1] === 1) own[Math.floor(random.uniform(0, tokens)) * features + 1] = 6
    return own
  })
  return {
    ...{ studies: count, shape: [tokens, features] as const, findings: ['everywhere', 'somewhere'], labels },
    tokens: (study) => values[study]!,
  }
}

/** Float64, straight from the definition. */
function pooledByHand(values: Float32Array, pooling: ProbePooling, queries: number[][]): number[] {
  const rows = Array.from({ length: tokens }, (_, t) => Array.from(values.subarray(t * features, (t + 1) * features)))
  const mean = Array.from({ length: features }, (_, f) => rows.reduce((sum, row) => sum + row[f]!, 0) / tokens)
  if (pooling === 'average') return mean
  if (pooling === 'max') return mean.map((_, f) => Math.max(...rows.map((row) => row[f]!)))
  const asked = pooling === 'average-query' ? [mean] : queries
  const answers = asked.map((query) => {
    const weights = rows.map((row) =>
      Math.exp(row.reduce((sum, value, f) => sum + value * query[f]!, 0) / Math.sqrt(features)),
    )
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    return mean.map((_, f) => rows.reduce((sum, row, t) => sum + (weights[t]! / total) * row[f]!, 0))
  })
  return mean.map((_, f) => answers.reduce((sum, answer) => sum + answer[f]!, 0) / answers.length)
}

describe('poolTokens', () => {
  it.each(probePoolings)('%s is what its definition says', async (pooling) => {
    const device = await testDevice()
    const data = studies(2, 9)
    const count = pooling === 'learned-query' ? 1 : 4
    const queries = Array.from({ length: count }, (_, q) => Array.from({ length: features }, (_, f) => Math.sin(q + f)))
    const values = [await data.tokens(0), await data.tokens(1)]
    using input = tensor(device, Float32Array.from(values.flatMap((own) => [...own])), [2, tokens, features])
    using asked = tensor(device, queries.flat(), [count, features])
    using pooled = poolTokens(input, pooling, asked)
    const wanted = values.flatMap((own) => pooledByHand(own, pooling, queries))
    expect(largestError(await pooled.data(), wanted)).toBeLessThan(2e-6)
  })
})

describe('trainProbe', () => {
  it('learns what the tokens tell, the same for a seed, and leaves no memory behind', async () => {
    const device = await testDevice()
    const [train, validation, test] = [studies(40, 1), studies(30, 2), studies(30, 3)]
    const options = { pooling: 'max', seed: 5, steps: 60, batchSize: 8, learningRates: [0.1, 0.001] } as const
    const before = device.memory().liveBytes
    const probe = await trainProbe(device, { train, validation }, options)
    const scores = await evaluateProbe(device, probe, test)
    expect(device.memory().liveBytes).toBe(before)
    expect(probe).toMatchObject({ learningRate: 0.1, findings: ['everywhere', 'somewhere'] })
    expect(probe.queries).toHaveLength(0)
    expect(scores.auroc).toBeGreaterThan(0.99)
    expect(scores.f1).toBeGreaterThan(0.9)
    expect(scores.balancedAccuracy).toBeGreaterThan(0.9)
    expect(await trainProbe(device, { train, validation }, options)).toEqual(probe)
    expect(await probeLogits(device, probe, test)).toHaveLength(60)
  })

  it('learns queries', async () => {
    const device = await testDevice()
    const data = { train: studies(24, 1), validation: studies(20, 2) }
    const options = { pooling: 'four-learned-queries', seed: 5, steps: 40, batchSize: 8, learningRates: [0.1] } as const
    const probe = await trainProbe(device, data, options)
    expect(probe.queries).toHaveLength(4 * features)
    expect((await evaluateProbe(device, probe, studies(30, 3))).auroc).toBeGreaterThan(0.8)
  })

  it('reads tokens once as far as memory is given, with the same result', async () => {
    const device = await testDevice()
    const source = { train: studies(12, 1), validation: studies(6, 2) }
    const train = async (cacheBytes: number) => {
      const reads = new Map<string, number>()
      const counted = (name: string, data: ProbeData): ProbeData => ({
        ...data,
        tokens: (study) => {
          reads.set(`${name} ${study}`, (reads.get(`${name} ${study}`) ?? 0) + 1)
          return data.tokens(study)
        },
      })
      const data = { train: counted('train', source.train), validation: counted('validation', source.validation) }
      const options = {
        pooling: 'learned-query',
        seed: 5,
        steps: 12,
        batchSize: 8,
        learningRates: [0.1, 0.01],
      } as const
      return { probe: await trainProbe(device, data, { ...options, cacheBytes }), reads: [...reads.values()] }
    }
    const studyBytes = tokens * features * 4
    const [all, five, none] = [await train(18 * studyBytes), await train(5 * studyBytes), await train(0)]
    expect(all.reads).toEqual(Array(18).fill(1))
    expect(five.reads.filter((times) => times === 1)).toHaveLength(5)
    expect(none.reads.every((times) => times > 1)).toBe(true)
    expect(five.probe).toEqual(all.probe)
    expect(none.probe).toEqual(all.probe)
  })

  it('stops when told to, and refuses nothing to try', async () => {
    const device = await testDevice()
    const data = { train: studies(8, 1), validation: studies(8, 2) }
    const options = { pooling: 'average', seed: 1, steps: 4 } as const
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(trainProbe(device, data, { ...options, signal })).rejects.toThrow('enough')
    await expect(trainProbe(device, data, { ...options, learningRates: [] })).rejects.toThrow('no learning rates')
  })
})
