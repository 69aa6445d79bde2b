/** What other libraries implement to be measured beside ours (`bench/peers`). */

/**
 * A problem as a peer gets it. Shapes are ours: conv3d `[N, D, H, W, C]` with weights `[Cout, kD, kH, kW, Cin]`,
 * attention `[B, T, H, hd]`, linear weights `[out, in]`. `options` are those of our operation. For `backward` the
 * gradient of the output follows the inputs, and the output is the gradient of the first input.
 */
export interface PeerCase {
  kind: 'matmul' | 'conv3d' | 'attention' | 'layerNorm' | 'softmax' | 'gelu' | 'linear'
  dtype: 'f32' | 'f16'
  direction: 'forward' | 'backward'
  inputs: { shape: number[]; data: Float32Array }[]
  options: Record<string, unknown>
}

/**
 * A whole model, forward. COLIPRI's image tower with its pooler: the volume `[N, D, H, W, 1]`, the rotary table
 * `[T, 2 * head features]`, then the parameters, in our layouts and in the order of `options.names`; unit vectors come out.
 */
export interface PeerModel {
  kind: 'colipriImage'
  dtype: 'f32' | 'f16'
  direction: 'forward'
  inputs: PeerCase['inputs']
  options: { names: string[]; heads: number; poolerHeads: number; depth: number }
}

export interface PreparedPeer {
  /** Starts one execution. */
  run(): void | Promise<void>
  /** Waits until every execution started has ended. */
  sync(): Promise<void>
  /** The result of one execution, in our layout. */
  output(): Promise<Float32Array>
  dispose(): void
  /** What is different in this case from the peer's own note. */
  readonly note?: string
  /** Device times that a peer in another process took itself, where a clock of ours would see the way there as well. */
  readonly measured?: { readonly medianMs: number; readonly p20Ms: number; readonly p80Ms: number }
}

/** What stands for a prepared case when a peer cannot run it. */
export interface Unsupported {
  readonly unsupported: string
}

export interface Peer {
  name: string
  version: string
  /** How it is measured, as in "CPU provider, 2 threads". */
  note: string
  prepare(problem: PeerCase): Promise<PreparedPeer | Unsupported>
  /** Where it has whole models. */
  prepareModel?(problem: PeerModel): Promise<PreparedPeer | Unsupported>
}

/** A peer that is not installed, and why. */
export interface MissingPeer {
  name: string
  missing: string
}

const kinds: ReadonlySet<string> = new Set(['matmul', 'conv3d', 'attention', 'layerNorm', 'softmax', 'gelu', 'linear'])

/** The kind of an operation that peers know; undefined for others, and for what only we take (masks, biases, epilogues). */
export function peerKind(op: string, options: Record<string, unknown>): PeerCase['kind'] | undefined {
  if (!kinds.has(op)) return undefined
  if (Array.isArray(options.extras) && options.extras.length > 0) return undefined
  if (options.epilogue !== undefined) return undefined
  return op as PeerCase['kind']
}

/** Peers of this checkout; none when `bench/peers` is not there. */
export async function loadAllPeers(): Promise<(Peer | MissingPeer)[]> {
  // A variable, so that the suite compiles and runs in a checkout without peers.
  const face = './peers/index.js'
  try {
    const { loadPeers } = (await import(face)) as { loadPeers(): Promise<(Peer | MissingPeer)[]> }
    return await loadPeers()
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0]! : String(error)
    return [{ name: 'peers', missing: `bench/peers did not load: ${reason}` }]
  }
}
