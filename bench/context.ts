import type { MissingPeer, Peer } from './peer.js'
import type { Probe } from './schema.js'
import type { Session } from './session.js'

/** What all items of a run share. */
export interface RunContext {
  readonly session: Session
  readonly probes: readonly Probe[]
  readonly variants: boolean
  readonly peers: readonly (Peer | MissingPeer)[]
  /** Row by the kernels it ran, for runs that measure the same kernels once: `--quick` without a filter. */
  readonly firstOfKernels: Map<string, string> | undefined
}
