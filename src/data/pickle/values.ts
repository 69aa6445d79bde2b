/** What a pickle can hold here. Nothing of it acts: a class or function is its name, an object is what was stored in it. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleTuple
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleGlobal
  | PickleObject

export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** Thrown by a {@link PickleGlobal} whose arguments make no sense; the machine adds where it happened. */
export class PickleProblem extends Error {}

/**
 * The name of a class or function, with our own account of what to make of it. Without `call` or `create` it may be
 * mentioned, but not used so.
 */
export class PickleGlobal {
  constructor(
    /** As in Python: `collections.OrderedDict`. */
    readonly name: string,
    /** What a call with these arguments stands for. */
    readonly call?: (args: readonly PickleValue[]) => PickleValue,
    /** What an object of this class stands for that is made without running its constructor. */
    readonly create?: (args: readonly PickleValue[]) => PickleValue,
  ) {}
}

/** An object of a class that the machine itself knows nothing of. */
export abstract class PickleObject {
  /** Takes the state that was stored for the object. */
  setState(_state: PickleValue): void {
    throw new PickleProblem(`an object of ${this.className} takes no state`)
  }

  abstract readonly className: string
}

/** An object of a class that means nothing here: its name, and what was stored with it. */
export class PickleRecord extends PickleObject {
  state: PickleValue = null
  /** Of classes that are lists or dictionaries. */
  readonly items: PickleValue[] = []
  readonly entries = new Map<PickleValue, PickleValue>()

  constructor(
    readonly className: string,
    readonly args: readonly PickleValue[],
  ) {
    super()
  }

  override setState(state: PickleValue): void {
    this.state = state
  }
}

/** How messages call a value. */
export function describeValue(value: PickleValue | undefined): string {
  if (value === null || value === undefined) return 'None'
  if (value instanceof PickleGlobal) return value.name
  if (value instanceof PickleObject) return `an object of ${value.className}`
  if (value instanceof PickleTuple) return 'a tuple'
  if (value instanceof Map) return 'a dictionary'
  if (value instanceof Set) return 'a set'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Uint8Array) return 'bytes'
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : String(value).slice(0, 40)
}
