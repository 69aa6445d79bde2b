/**
 * The mean of all ranks' gradients. Gradients travel in buckets of some 25 MB, the last parameters first, as the backward
 * pass comes by them: what is ready is read back, added up over the ranks and written, while the device computes the rest.
 */
import { keep, noGrad, scope, type Tensor, zeros } from '../../engine/index.js'
import { concat } from '../../kernels/join/index.js'
import { reshape } from '../../kernels/layout/index.js'
import type { Collective } from './collective.js'

export interface GradientAverageOptions {
  /** Default 25 MB: few calls, and not much that waits for the last of a bucket. */
  readonly bucketBytes?: number | undefined
}

export class GradientAverage {
  readonly #collective: Collective
  /** The same on every rank, which all go through them in the same order. */
  readonly #buckets: readonly (readonly Tensor[])[]
  readonly #ready = new Set<Tensor>()
  #launched = 0
  #done: Promise<void> = Promise.resolve()

  /** @param leaves parameters in the order of the model, the same on every rank. */
  constructor(leaves: readonly Tensor[], collective: Collective, { bucketBytes = 25e6 }: GradientAverageOptions = {}) {
    this.#collective = collective
    this.#buckets = collective.size > 1 ? bucketsOf(leaves, bucketBytes / 4) : []
  }

  /** The `grad` of this leaf is complete on this rank. To be called once in a step, if at all. */
  ready(leaf: Tensor): void {
    this.#ready.add(leaf)
    while (this.#buckets[this.#launched]?.every((member) => this.#ready.has(member))) this.#launch()
  }

  /**
   * Takes what has not been announced as it is, zeros where this rank has no gradient, and waits until every `grad`
   * is the mean over the ranks.
   */
  async finish(): Promise<void> {
    while (this.#launched < this.#buckets.length) this.#launch()
    await this.#done
  }

  #launch(): void {
    const leaves = this.#buckets[this.#launched++]!
    const packed = noGrad(() =>
      scope(() => {
        for (const leaf of leaves) leaf.grad ??= keep(zeros(leaf.device, leaf.shape))
        return keep(
          concat(
            leaves.map(({ grad }) => reshape(grad!, [grad!.size])),
            0,
          ),
        )
      }),
    )
    // Recorded and submitted now: this copy does not wait for what is recorded later.
    const read = packed.data()
    const before = this.#done
    this.#done = (async () => {
      const values = (await read) as Float32Array
      packed.dispose()
      await before
      await this.#collective.allReduceSum(values)
      for (let i = 0; i < values.length; i++) values[i]! /= this.#collective.size
      let first = 0
      for (const { grad, size } of leaves) {
        grad!.write(values.subarray(first, first + size))
        first += size
      }
    })()
    // It is awaited by finish(), which may come later than a failure.
    this.#done.catch(() => undefined)
  }
}

/** From the last leaf on, in buckets of no more numbers than these, or of one leaf. */
function bucketsOf(leaves: readonly Tensor[], most: number): Tensor[][] {
  const buckets: Tensor[][] = []
  let room = 0
  for (const leaf of leaves.toReversed()) {
    if (leaf.size > room) {
      buckets.push([])
      room = most
    }
    buckets.at(-1)!.push(leaf)
    room -= leaf.size
  }
  return buckets
}
