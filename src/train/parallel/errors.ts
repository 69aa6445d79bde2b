import { VoxgradError } from '../../engine/index.js'

/** Processes that train together do not agree, or cannot talk; the message names the call and what differs. */
export class CollectiveError extends VoxgradError {}

/** A process that trains along is gone, or did not come to a call in time. */
export class PeerLostError extends CollectiveError {}
