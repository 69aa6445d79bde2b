import { DataError } from '../errors.js'
import {
  describeValue,
  PickleGlobal,
  PickleObject,
  PickleRecord,
  PickleTuple,
  type PickleValue,
} from '../pickle/values.js'
import { TorchTensor } from './tensor.js'

/** What a checkpoint holds beside tensors: plain data, dictionaries as objects, tuples and sets as arrays. */
export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | TorchValue[]
  | TorchRecord
  | { [key: string]: TorchValue }

/** An object of a Python class, as the data that were stored for it. */
export class TorchRecord {
  constructor(
    /** As in Python: `argparse.Namespace`. */
    readonly className: string,
    /** What its constructor was given. */
    readonly args: readonly TorchValue[],
    /** Its attributes, in most classes an object. */
    readonly state: TorchValue,
  ) {}
}

export interface TorchContents {
  /** By the path through dictionaries and lists, joined by dots. */
  readonly tensors: ReadonlyMap<string, TorchTensor>
  /** Everything else; what holds nothing but tensors is left out, and a tensor among other values of a list is null. */
  readonly metadata: TorchValue
}

const MOST_DEPTH = 128

/** References let a few bytes stand for a tree of any size; no honest one comes near. */
const MOST_VALUES = 1_000_000

/** Sorts the contents of a checkpoint. Throws a DataError for cycles, bombs and two tensors of one name. */
export function sortContents(root: PickleValue, path: string): TorchContents {
  const walk = new Walk(path)
  const metadata = walk.visit(root, '', 0)
  return { tensors: walk.tensors, metadata: metadata === onlyTensors ? {} : metadata }
}

/** What a branch without anything else becomes. */
const onlyTensors = Symbol('only tensors')
type Visited = TorchValue | typeof onlyTensors

class Walk {
  readonly tensors = new Map<string, TorchTensor>()
  #values = 0

  constructor(private readonly path: string) {}

  visit(value: PickleValue, name: string, depth: number): Visited {
    if (depth > MOST_DEPTH) this.#fail(`the contents nest deeper than ${MOST_DEPTH} levels, or contain themselves`)
    if (++this.#values > MOST_VALUES) this.#fail(`the contents refer to each other more than ${MOST_VALUES} times`)
    if (value instanceof TorchTensor) return this.#tensor(value, name)
    if (value instanceof Map) return this.#dictionary(value, name, depth)
    if (Array.isArray(value)) return this.#list(value, name, depth)
    if (value instanceof PickleTuple) return this.#list(value.items, name, depth)
    if (value instanceof Set) return this.#list([...value], name, depth)
    if (value instanceof PickleRecord) return this.#record(value, name, depth)
    if (value instanceof PickleObject) return value.className
    if (value instanceof PickleGlobal) return value.name
    return value
  }

  #tensor(tensor: TorchTensor, name: string): Visited {
    if (this.tensors.has(name)) this.#fail(`two tensors have the name '${name}'`)
    this.tensors.set(name, tensor)
    return onlyTensors
  }

  #dictionary(map: ReadonlyMap<PickleValue, PickleValue>, name: string, depth: number): Visited {
    const entries = [...map].flatMap(([key, value]): [string, TorchValue][] => {
      const text = this.#keyText(key, depth)
      const visited = this.visit(value, joined(name, text), depth + 1)
      return visited === onlyTensors ? [] : [[text, visited]]
    })
    return entries.length === 0 && map.size > 0 ? onlyTensors : Object.fromEntries(entries)
  }

  #list(items: readonly PickleValue[], name: string, depth: number): Visited {
    const visited = items.map((item, n) => this.visit(item, joined(name, String(n)), depth + 1))
    if (items.length > 0 && visited.every((item) => item === onlyTensors)) return onlyTensors
    return visited.map((item) => (item === onlyTensors ? null : item))
  }

  #record(record: PickleRecord, name: string, depth: number): TorchRecord {
    const plain = (value: PickleValue) => {
      const visited = this.visit(value, name, depth + 1)
      return visited === onlyTensors ? {} : visited
    }
    // Subclasses of lists and dictionaries have items besides attributes.
    const inherited = record.entries.size > 0 ? record.entries : record.items.length > 0 ? record.items : undefined
    return new TorchRecord(record.className, record.args.map(plain), plain(inherited ?? record.state))
  }

  /** Keys as Python prints them. */
  #keyText(key: PickleValue, depth: number): string {
    if (depth > MOST_DEPTH) this.#fail('a key nests too deeply')
    if (typeof key === 'string') return key
    if (key === null) return 'None'
    if (typeof key === 'boolean') return key ? 'True' : 'False'
    if (typeof key === 'number' || typeof key === 'bigint') return String(key)
    if (key instanceof PickleTuple) return `(${key.items.map((item) => this.#keyText(item, depth + 1)).join(', ')})`
    return describeValue(key)
  }

  #fail(problem: string): never {
    throw new DataError(problem, { path: this.path })
  }
}

const joined = (name: string, key: string): string => (name === '' ? key : `${name}.${key}`)
