/** The mean of gradients over ranks, in a few large messages. */
import { scope, type Tensor } from '../../engine/index.js'
import { concat } from '../../kernels/join/index.js'
import { reshape } from '../../kernels/layout/index.js'
import type { Collective } from './collective.js'

/** Large enough that a message is worth its latency, small enough that several are under way. */
const bucketBytes = 25 * 2 ** 20

/** Tensors in order, together at most `bytes` a bucket; a larger one is alone. */
export function bucketsOf(tensors: readonly Tensor[], bytes: number = bucketBytes): Tensor[][] {
  const buckets: Tensor[][] = []
  let room = 0
  for (const value of tensors) {
    if (value.byteLength > room) {
      buckets.push([])
      room = Math.max(bytes, value.byteLength)
    }
    buckets.at(-1)!.push(value)
    room -= value.byteLength
  }
  return buckets
}

/**
 * Replaces f32 tensors by their means over the ranks, which give tensors of the same sizes in the same order. A bucket is
 * read back in one transfer, and while it travels between the ranks the next one is read back.
 */
export async function averageOverRanks(
  tensors: readonly Tensor[],
  collective: Collective,
  bytes?: number,
): Promise<void> {
  if (collective.size === 1) return
  let travelling: Promise<void> = Promise.resolve()
  try {
    // The last parameters have their gradients first.
    for (const bucket of bucketsOf(tensors.toReversed(), bytes)) {
      const values = await readTogether(bucket)
      await travelling
      travelling = collective.allReduceSum(values).then(() => writeMeans(bucket, values, collective.size))
      // Awaited in the next round; until then a failure must not pass for one that nobody handles.
      travelling.catch(() => {})
    }
  } finally {
    await travelling
  }
}

async function readTogether(bucket: readonly Tensor[]): Promise<Float32Array> {
  using joined = scope(() =>
    concat(
      bucket.map((value) => reshape(value, [value.size])),
      0,
    ),
  )
  return (await joined.data()) as Float32Array
}

function writeMeans(bucket: readonly Tensor[], sums: Float32Array, ranks: number): void {
  const means = sums.map((value) => value / ranks)
  let start = 0
  for (const value of bucket) {
    value.write(means.subarray(start, start + value.size))
    start += value.size
  }
}
