/** What a model registers to be measured end to end: a file in `bench/models` that exports `model`. */
import type { Device } from '../src/engine/index.js'
import type { Work } from './cost.js'
import type { PeerModel } from './peer.js'

/** A prepared end-to-end case, with its weights and inputs on the device. */
export interface PreparedModel {
  /** Records one execution and drops its results. */
  run(): void
  /** Checks one execution: what must hold, and how far it was off. */
  check(): Promise<{ correct: boolean; maxRelError: number; against: string }>
  /**
   * Whether `check` is one execution and nothing else of weight: where a case is too large for a software adapter, that one
   * is also timed, and no other made.
   */
  readonly checkExecutesOnce?: boolean
  /** The same for peers, and what comes of it here. */
  forPeers?(): Promise<{ readonly problem: PeerModel; readonly ours: ArrayLike<number> }>
  dispose(): void
}

export interface ModelCase {
  readonly name: string
  readonly shape: readonly (readonly number[])[]
  readonly options: Record<string, unknown>
  /** Whether this is the case of `--quick`. */
  readonly quick: boolean
  /** Whether a software adapter can run it in reasonable time. */
  readonly software: boolean
  /** What one execution makes, to tell how many there are in a second. */
  readonly makes?: { readonly count: number; readonly what: string }
  /** Where it is known better than by adding up the operations of one execution. */
  readonly work?: Work
  prepare(device: Device, dtype: 'f32' | 'f16'): Promise<PreparedModel>
}

export interface BenchModel {
  readonly name: string
  readonly cases: readonly ModelCase[]
}
