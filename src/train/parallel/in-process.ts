/** Ranks as asynchronous functions of one process: what several processes would compute, for tests. */
import { ValueError } from '../../engine/index.js'
import type { Collective } from './collective.js'
import { CollectiveError, PeerLostError } from './errors.js'

/** One rank's call, with a copy of its values. */
interface Arrival {
  readonly call: string
  readonly values: Float32Array
  resolve(arrivals: readonly Arrival[]): void
  reject(error: Error): void
}

/** Where all ranks wait for each other, call after call. */
class MeetingPlace {
  #arrived: (Arrival | undefined)[]
  readonly #closed = new Set<number>()

  constructor(readonly size: number) {
    this.#arrived = new Array<undefined>(size).fill(undefined)
  }

  /** The arrivals of all ranks at one call. */
  arrive(rank: number, call: string, values: Float32Array): Promise<readonly Arrival[]> {
    return new Promise((resolve, reject) => {
      if (this.#arrived[rank]) {
        reject(
          new CollectiveError(`${call}: rank ${rank} is still in ${this.#arrived[rank].call}. Await one call first`),
        )
        return
      }
      this.#arrived[rank] = { call, values: values.slice(), resolve, reject }
      this.#meet()
    })
  }

  close(rank: number): void {
    this.#closed.add(rank)
    this.#meet()
  }

  #meet(): void {
    const arrivals = this.#arrived.filter((arrival) => arrival !== undefined)
    const missing = [...this.#closed].filter((rank) => !this.#arrived[rank])
    if (arrivals.length < this.size && missing.length === 0) return
    this.#arrived = new Array<undefined>(this.size).fill(undefined)
    const error = missing.length > 0 ? undefined : disagreement(arrivals)
    for (const { call, resolve, reject } of arrivals) {
      if (missing.length > 0) reject(new PeerLostError(`${call}: rank ${missing.join(', ')} has left`))
      else if (error) reject(error)
      else resolve(arrivals)
    }
  }
}

function disagreement(arrivals: readonly Arrival[]): CollectiveError | undefined {
  const described = arrivals.map(({ call, values }) => `${call} of ${values.length} values`)
  if (new Set(described).size === 1) return undefined
  return new CollectiveError(`ranks called different things: ${described.map((text, n) => `${n}: ${text}`).join('; ')}`)
}

/** `size` ranks that meet in this process. Sums are added in the order of the ranks, so that they are the same every time. */
export function inProcessCollectives(size: number): Collective[] {
  if (!Number.isInteger(size) || size < 1)
    throw new ValueError(`inProcessCollectives: ${size} is not a number of ranks`)
  const place = new MeetingPlace(size)
  return Array.from({ length: size }, (_, rank): Collective => {
    const valuesOf = async (call: string, values: Float32Array) =>
      (await place.arrive(rank, call, values)).map((arrival) => arrival.values)
    return {
      rank,
      size,
      async allReduceSum(values) {
        const all = await valuesOf('allReduceSum', values)
        for (let i = 0; i < values.length; i++) values[i] = all.reduce((sum, list) => sum + list[i]!, 0)
      },
      async allGather(values) {
        const all = await valuesOf('allGather', values)
        const gathered = new Float32Array(values.length * size)
        for (const [n, list] of all.entries()) gathered.set(list, n * values.length)
        return gathered
      },
      async broadcast(values, root) {
        values.set((await valuesOf(`broadcast from ${root}`, values))[root]!)
      },
      async barrier() {
        await valuesOf('barrier', new Float32Array(0))
      },
      async close() {
        place.close(rank)
      },
    }
  })
}
