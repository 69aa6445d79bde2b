import type { Device, Tensor } from '../../../../src/engine/index.js'

/** What a golden operator case asks for, translated to a call of ours. */
export interface OpInputs {
  readonly device: Device
  /** The tensors `input.NAME` and `weight.NAME` by NAME, in the golden file's own layout. u8 masks arrive as u32. */
  readonly x: Readonly<Record<string, Tensor>>
  /** The manifest row's `params`, as they are. */
  // biome-ignore lint/suspicious/noExplicitAny: golden parameters have no schema of their own
  readonly params: any
}

/** Outputs by name (`output.NAME`): tensors are differentiated through, plain numbers are compared only. */
export type OpOutputs = Record<string, Tensor | ArrayLike<number>>

export type OpAdapter = (inputs: OpInputs) => OpOutputs | Promise<OpOutputs>

/** Adapters by the manifest's `op`. */
export type OpAdapters = Readonly<Record<string, OpAdapter>>
