/** Processes that train together, one per device. */

/** Every rank calls the same methods in the same order. Promises reject when a peer is gone. */
export interface Collective {
  /** This process, from 0. */
  readonly rank: number
  /** Number of processes. */
  readonly size: number
  /** Adds up the values of all ranks, in place. */
  allReduceSum(values: Float32Array): Promise<void>
  /** The values of all ranks one after the other, in the order of the ranks. Every rank gives as many. */
  allGather(values: Float32Array): Promise<Float32Array>
  /** Overwrites the values of all ranks with those of `root`. */
  broadcast(values: Float32Array, root: number): Promise<void>
  /** Waits until every rank is here. */
  barrier(): Promise<void>
  /** Leaves the others for good: with nothing left to do, or because of an error, which ends them as well. */
  close(options?: CloseOptions): Promise<void>
}

export interface CloseOptions {
  /** The other ranks wait for this one in vain. Default false. */
  readonly failed?: boolean | undefined
}

/** One process alone. */
export const soloCollective: Collective = {
  rank: 0,
  size: 1,
  allReduceSum: async () => {},
  allGather: async (values) => values.slice(),
  broadcast: async () => {},
  barrier: async () => {},
  close: async () => {},
}
