import type { Peer } from '../peer.js'
export async function torchPeers(): Promise<(Peer | { name: string; missing: string })[]> {
  return []
}
