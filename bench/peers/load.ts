/** The peers there are on this machine, and what installs those there are not. */
import type { MissingPeer, Peer } from '../peer.js'
import { jaxPeer } from './jax.js'
import { onnxRuntimePeers } from './onnxruntime.js'
import { tfjsPeer } from './tfjs.js'
import { torchPeers } from './torch.js'

/** One after the other, because browser peers share `navigator`. */
export async function loadPeers(): Promise<(Peer | MissingPeer)[]> {
  const onnxRuntime = await onnxRuntimePeers()
  const jax = await jaxPeer()
  const tfjs = await tfjsPeer()
  return [...onnxRuntime, jax, tfjs, ...(await torchPeers())]
}
