import type { PickleValue } from '../pickle/values.js'
import type { TorchStorage } from './tensor.js'

/** A checkpoint file of either kind: its one object, and the bytes of the storages that the object mentions. */
export interface TorchContainer {
  readonly root: PickleValue
  /** Part of a storage, in memory of its own. */
  readStorage(storage: TorchStorage, begin: number, length: number): Promise<Uint8Array>
  readonly bigEndian: boolean
}
