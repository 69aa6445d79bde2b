import { PickleObject, PickleProblem, PickleTuple, type PickleValue } from '../pickle/values.js'
import type { TorchDtype } from './dtypes.js'

/** Memory that one or more tensors lie in; its bytes stay in the file. */
export interface TorchStorage {
  readonly key: string
  /** Undefined for plain bytes. */
  readonly dtype: TorchDtype | undefined
  readonly bytes: number
}

/** A storage as a pickle mentions it; old files mention parts. */
export class StorageReference extends PickleObject {
  readonly className = 'a torch storage'

  constructor(
    readonly storage: TorchStorage,
    /** In elements. */
    readonly offset: number,
    readonly elements: number,
  ) {
    super()
  }
}

/** A tensor as a pickle describes it: where its values lie. */
export class TorchTensor extends PickleObject {
  readonly className = 'torch.Tensor'

  constructor(
    readonly dtype: TorchDtype,
    readonly shape: readonly number[],
    /** In elements, one for each axis. */
    readonly strides: readonly number[],
    /** In elements of its storage. */
    readonly offset: number,
    /** Its storage, or why its values cannot be read. */
    readonly values: TorchStorage | string,
  ) {
    super()
  }

  override setState(): void {
    // Attributes that somebody hung on a tensor are not its values.
  }
}

/** A tensor that has a name and a shape for all we know, and values that cannot be had here. */
export function unreadable(dtype: TorchDtype, shape: readonly number[], reason: string): TorchTensor {
  return new TorchTensor(dtype, shape, [], 0, reason)
}

/** A list of counts from a tuple. */
export function counts(value: PickleValue | undefined, what: string): number[] {
  const items = value instanceof PickleTuple ? value.items : Array.isArray(value) ? value : undefined
  if (!items || items.length > MOST_AXES || !items.every(isCount)) {
    throw new PickleProblem(`the ${what} of a tensor is no list of counts`)
  }
  return [...items]
}

export function count(value: PickleValue | undefined, what: string): number {
  if (!isCount(value)) throw new PickleProblem(`the ${what} is no count`)
  return value
}

/** PyTorch's own limit. */
const MOST_AXES = 64

function isCount(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
