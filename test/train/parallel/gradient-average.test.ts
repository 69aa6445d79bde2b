/** Gradients averaged over ranks while the backward pass goes on. */
import { describe, expect, it } from 'vitest'
import { backward, checkpoint, keep, scope, type Tensor, tensor } from '../../../src/engine/index.js'
import { add, mul } from '../../../src/kernels/elementwise/index.js'
import { matmul } from '../../../src/kernels/matmul/index.js'
import { sum } from '../../../src/kernels/reduce/index.js'
import { type Collective, GradientAverage, inProcessCollectives } from '../../../src/train/index.js'
import { testDevice } from '../../support/device.js'

const device = await testDevice()

const everyRank = <T>(size: number, run: (collective: Collective) => Promise<T>) =>
  Promise.all(inProcessCollectives(size).map(run))

describe('the mean of gradients', () => {
  const leavesOf = (values: readonly number[]): Tensor[] =>
    values.map((value) => keep(tensor(device, [value, value + 1], [1, 2], { requiresGrad: true })))

  it('is announced, packed in buckets and written, with zeros where a rank has none', async () => {
    const results = await everyRank(2, async (collective) => {
      const leaves = leavesOf([1, 2, 3])
      // One bucket for two leaves, and one for the third.
      const average = new GradientAverage(leaves, collective, { bucketBytes: 16 })
      const used = collective.rank === 0 ? leaves : leaves.slice(1)
      const announced: Tensor[] = []
      scope(() => {
        const weighted = used.map((leaf) => mul(leaf, tensor(device, [collective.rank + 1], [1, 1])))
        backward(sum(weighted.reduce((a, b) => add(a, b))), {
          onLeaf: (leaf) => {
            announced.push(leaf)
            average.ready(leaf)
          },
        })
      })
      expect(new Set(announced)).toEqual(new Set(used))
      await average.finish()
      const means = await Promise.all(leaves.map(async ({ grad }) => Array.from(await grad!.data())))
      for (const leaf of leaves) leaf.dispose()
      return means
    })
    const expected = [
      [0.5, 0.5],
      [1.5, 1.5],
      [1.5, 1.5],
    ]
    expect(results).toEqual([expected, expected])
  })

  it('waits for checkpointed segments, which may add to any leaf', () => {
    const [a, b] = leavesOf([1, 2]) as [Tensor, Tensor]
    const announced: (readonly [Tensor, boolean])[] = []
    let segments = 0
    const segment = (x: Tensor): Tensor => {
      segments++
      return mul(x, a)
    }
    scope(() => {
      const inside = checkpoint(segment, mul(b, b))
      backward(sum(matmul(add(inside, a), tensor(device, [1, 1], [2, 1]))), {
        onLeaf: (leaf) => announced.push([leaf, segments === 2]),
      })
    })
    // The segment ran forward, and again in the backward pass before anything was announced.
    expect(announced).toEqual([
      [a, true],
      [b, true],
    ])
    for (const leaf of [a, b]) leaf.dispose()
  })
})
