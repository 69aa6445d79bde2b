/** What comes of preparing a case. */
import type { PreparedPeer, Unsupported } from '../peer.js'

/** Many peers say by an exception, of compilation or of the first run, what they have no kernel for. */
export async function orUnsupported(prepare: () => Promise<PreparedPeer>): Promise<PreparedPeer | Unsupported> {
  try {
    return await prepare()
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    return { unsupported: line }
  }
}
