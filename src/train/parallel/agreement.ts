/** Ranks begin with the same things, or say what differs. */
import { createHash } from 'node:crypto'
import type { Tensor } from '../../engine/index.js'
import type { Collective } from './collective.js'
import { CollectiveError } from './errors.js'

/** The first bytes of a text's hash, as numbers that are exact in f32. */
const fingerprint = (text: string): number[] => [...createHash('sha256').update(text).digest().subarray(0, 16)]

/** Throws CollectiveError on every rank, naming the items whose texts are not those of rank 0 and the ranks that differ. */
export async function checkAgreement(items: Readonly<Record<string, string>>, collective: Collective): Promise<void> {
  if (collective.size === 1) return
  const own = Float32Array.from(Object.values(items).flatMap(fingerprint))
  const all = await collective.allGather(own)
  const width = own.length / Object.keys(items).length
  const differences = Object.keys(items).flatMap((name, item) => {
    const of = (rank: number) => {
      const start = rank * own.length + item * width
      return all.subarray(start, start + width).join()
    }
    const ranks = Array.from({ length: collective.size }, (_, rank) => rank).filter((rank) => of(rank) !== of(0))
    return ranks.length > 0 ? [`${name} (rank ${ranks.join(', ')})`] : []
  })
  if (differences.length === 0) return
  throw new CollectiveError(
    `ranks that train together differ from rank 0 in ${differences.join(' and ')}. ` +
      'Start all with the same command, package and files, and a folder that all can read',
  )
}

/** Overwrites f32 tensors of all ranks with those of rank 0. */
export async function broadcastFromFirst(tensors: readonly Tensor[], collective: Collective): Promise<void> {
  if (collective.size === 1) return
  for (const value of tensors) {
    const values = (await value.data()) as Float32Array
    await collective.broadcast(values, 0)
    if (collective.rank !== 0) value.write(values)
  }
}
