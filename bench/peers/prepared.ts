/** What comes of preparing a case. */
import type { PreparedPeer } from '../peer.js'

/** Beyond what every peer gives, there may be more to tell of this case. */
export interface PreparedCase extends PreparedPeer {
  /** What is different from the peer's own note. */
  readonly note?: string
  /** Times that the peer took itself. A reader that compares by one clock for all leaves them alone. */
  readonly measured?: { readonly medianMs: number; readonly p20Ms: number; readonly p80Ms: number }
}

/** What stands for a prepared case when a peer cannot run it. */
export interface Unsupported {
  readonly unsupported: string
}

/** Many peers say by an exception, of compilation or of the first run, what they have no kernel for. */
export async function orUnsupported(prepare: () => Promise<PreparedCase>): Promise<PreparedCase | Unsupported> {
  try {
    return await prepare()
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return { unsupported: line }
  }
}
