/** Ranks in one process: what they exchange, and that training over them equals one process with all samples. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { tensor } from '../../../src/engine/index.js'
import {
  type Collective,
  checkAgreement,
  checkConfig,
  gatherRows,
  inProcessCollectives,
  PeerLostError,
  type StepEvent,
  soloCollective,
  sumOwnRows,
  train,
} from '../../../src/train/index.js'
import { testDevice } from '../../support/device.js'
import { openTwoTowers, recipe } from '../../support/two-towers.js'

const device = await testDevice()
const root = mkdtempSync(join(tmpdir(), 'voxgrad-parallel-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0

const onAll = <T>(size: number, run: (collective: Collective) => Promise<T>): Promise<T[]> =>
  Promise.all(inProcessCollectives(size).map(run))

describe('ranks in one process', () => {
  it('add up, gather and broadcast', async () => {
    const results = await onAll(3, async (collective) => {
      const sums = Float32Array.of(collective.rank, 10)
      await collective.allReduceSum(sums)
      const gathered = await collective.allGather(Float32Array.of(collective.rank, -collective.rank))
      const sent = Float32Array.of(collective.rank)
      await collective.broadcast(sent, 2)
      await collective.barrier()
      return [...sums, ...gathered, ...sent]
    })
    for (const result of results) expect(result).toEqual([3, 30, 0, -0, 1, -1, 2, -2, 2])
  })

  it('tell what they disagree in, and who has left', async () => {
    const calls = onAll(2, ({ rank, barrier, allGather }) =>
      rank === 0 ? barrier() : allGather(new Float32Array(3)).then(() => {}),
    )
    await expect(calls).rejects.toThrow('0: barrier of 0 values; 1: allGather of 3 values')
    const [first, second] = inProcessCollectives(2) as [Collective, Collective]
    const waiting = first.barrier()
    await second.close()
    await expect(waiting).rejects.toThrow(PeerLostError)
    await expect(first.allReduceSum(new Float32Array(1))).rejects.toThrow('rank 1 has left')
  })

  it('name what differs from rank 0', async () => {
    const check = onAll(3, (collective) =>
      checkAgreement({ configuration: 'a', seed: collective.rank === 1 ? '2' : '1' }, collective),
    )
    await expect(check).rejects.toThrow('differ from rank 0 in seed (rank 1).')
  })
})

describe('tensors over ranks', () => {
  it('gather their rows, and sum what is asked of them', async () => {
    const results = await onAll(2, async (collective) => {
      const { rank } = collective
      const own = { a: tensor(device, [rank, 1], [2, 1]), b: tensor(device, [2, rank, 3, rank], [2, 2]) }
      const all = await gatherRows(own, collective)
      const back = await sumOwnRows(all, collective)
      const read = async (value: { data(): Promise<ArrayLike<number>> }) => Array.from(await value.data())
      const values = { a: await read(all.a!), b: await read(all.b!), back: await read(back.b!) }
      for (const value of [...Object.values(all), ...Object.values(back)]) value.dispose()
      return values
    })
    const [a, b] = [
      [0, 1, 1, 1],
      [2, 0, 3, 0, 2, 1, 3, 1],
    ]
    expect(results).toEqual([
      { a, b, back: [4, 0, 6, 0] },
      { a, b, back: [4, 2, 6, 2] },
    ])
  })

  it('must have as many rows on every rank', async () => {
    const gather = onAll(2, (collective) =>
      gatherRows({ a: tensor(device, new Float32Array(2 + collective.rank)) }, collective),
    )
    await expect(gather).rejects.toThrow('embeddings of 2, 3 numbers')
  })
})

/** Trains on some ranks; losses and weights of every one. */
async function trained(ranks: number, settings: object, options: object = {}, seedOf = (_rank: number) => 1) {
  const config = checkConfig({ train: { steps: 3, ...settings }, ...options }, 'test', recipe)
  const run = async (collective: Collective) => {
    const task = openTwoTowers(device, options, seedOf(collective.rank))
    const losses: number[] = []
    const observers = [{ onStep: ({ loss, gradientNorm }: StepEvent) => void losses.push(loss, gradientNorm) }]
    const folder = join(root, String(folders++))
    await train(task, { config, folder, observers, collective })
    const weights = await Promise.all([...task.parameters.values()].map(({ value }) => value.data()))
    task.dispose()
    return { losses, weights: weights.flatMap((values) => Array.from(values)) }
  }
  return ranks === 1 ? [await run(soloCollective)] : await onAll(ranks, run)
}

function expectClose(values: readonly number[], expected: readonly number[]): void {
  expect(values).toHaveLength(expected.length)
  for (const [n, value] of expected.entries()) expect(Math.abs(values[n]! - value)).toBeLessThan(1e-5)
}

describe('training over ranks', () => {
  it.each(['infoNCE', 'sigLip'])('equals one process with all samples: %s', async (loss) => {
    const options = { model: { loss } }
    const [whole] = await trained(1, { batchSize: 12 }, options)
    for (const ranks of [2, 3]) {
      const settings = { batchSize: 12 / ranks, gradientCaching: true, microBatchSize: 3 }
      const all = await trained(ranks, settings, options)
      expectClose(all[0]!.losses, whole!.losses)
      for (const { weights } of all) expectClose(weights, whole!.weights)
    }
  })

  it('begins with the parameters of rank 0', async () => {
    const [whole] = await trained(1, { batchSize: 8 })
    const all = await trained(2, { batchSize: 4 }, {}, (rank) => 1 + rank)
    for (const { weights } of all) expectClose(weights, whole!.weights)
  })
})

describe('gradient caching', () => {
  it('draws the same numbers whenever a chunk is embedded', async () => {
    const settings = { batchSize: 8, microBatchSize: 4, gradientCaching: true }
    const options = { model: { dropout: 0.3 } }
    const [first] = await trained(1, settings, options)
    const [again] = await trained(1, settings, options)
    expect(again!.losses).toEqual(first!.losses)
  })

  it('takes the memory of a chunk and of the embeddings', async () => {
    const peak = async (batchSize: number) => {
      const options = { model: { width: 64, layers: 8 }, data: { items: batchSize } }
      const task = openTwoTowers(device, options)
      const config = checkConfig(
        { train: { steps: 2, batchSize, microBatchSize: 16, gradientCaching: true }, ...options },
        'test',
        recipe,
      )
      device.resetPeakMemory()
      const peaks: number[] = []
      const before = device.memory().liveBytes
      const observers = [{ onStep: ({ peakBytes }: StepEvent) => void peaks.push(peakBytes - before) }]
      await train(task, { config, folder: join(root, String(folders++)), observers })
      task.dispose()
      return peaks.at(-1)!
    }
    const [small, large] = [await peak(16), await peak(256)]
    // Embeddings of both towers, whole, joined, with gradients, normalised, and the loss's products of 256 x 256.
    const embeddings = 2 * 256 * 64 * 4
    expect(large - small).toBeLessThan(8 * embeddings)
  })
})
