import { LIST_COST, MEMO_COST, MOST_COST, OBJECT_COST } from './costs.js'
import { PickleCursor } from './cursor.js'
import { instructions, STOP } from './instructions.js'
import { describeValue, PickleGlobal, PickleObject, PickleProblem, PickleTuple, type PickleValue } from './values.js'

/** Gives meaning to the names in a pickle. */
export interface PickleHost {
  /** What a class or function of this name stands for. Throws a DataError when it is not allowed. */
  global(name: string): PickleGlobal
  /** What a persistent id stands for. */
  persistent(id: PickleValue): PickleValue
}

export interface PickleResult {
  readonly value: PickleValue
  /** Behind the pickle. */
  readonly end: number
}

/**
 * Interprets one pickle (Python's Lib/pickletools.py describes the language) of protocols 0 to 5, and runs nothing: names
 * mean what the host says they do. Throws a `PickleEndError` when the bytes end too early, and a DataError for
 * everything else that is wrong or not allowed.
 */
export function readPickle(bytes: Uint8Array, start: number, path: string, host: PickleHost): PickleResult {
  const machine = new PickleMachine(new PickleCursor(bytes, start, path), host)
  try {
    return { value: machine.run(), end: machine.cursor.position }
  } catch (error) {
    if (error instanceof PickleProblem) return machine.cursor.fail(error.message)
    throw error
  }
}

/** The stack, the memo and the marks of a pickle in progress. */
export class PickleMachine {
  readonly memo = new Map<number, PickleValue>()
  #stack: PickleValue[] = []
  #cost = 0
  /** The stacks below each open mark. */
  readonly #below: PickleValue[][] = []

  constructor(
    readonly cursor: PickleCursor,
    readonly host: PickleHost,
  ) {}

  run(): PickleValue {
    for (;;) {
      this.spend(1)
      const code = this.cursor.uint8()
      if (code === STOP) return this.#finish()
      const instruction = instructions.get(code)
      if (!instruction) this.cursor.fail(`0x${code.toString(16)} is no pickle instruction that is supported`)
      instruction!(this)
    }
  }

  /** Counts an instruction, or the object that it makes. */
  spend(cost: number): void {
    this.#cost += cost
    if (this.#cost > MOST_COST) this.cursor.fail('the pickle makes more objects than any checkpoint needs')
  }

  push(value: PickleValue): void {
    this.#stack.push(value)
  }

  pop(): PickleValue {
    this.#need(1)
    return this.#stack.pop()!
  }

  top(): PickleValue {
    this.#need(1)
    return this.#stack.at(-1)!
  }

  mark(): void {
    this.spend(LIST_COST)
    this.#below.push(this.#stack)
    this.#stack = []
  }

  /** Everything above the last mark, which goes. */
  popToMark(): PickleValue[] {
    const items = this.#stack
    this.#stack = this.#below.pop() ?? this.cursor.fail('there is no mark')
    return items
  }

  /** POP also removes a mark that nothing lies on. */
  popOrUnmark(): void {
    if (this.#stack.length === 0) this.popToMark()
    else this.#stack.pop()
  }

  remember(index: number | bigint): void {
    this.spend(MEMO_COST)
    if (typeof index !== 'number' || index < 0) this.cursor.fail(`${index} is no place in the memo`)
    else this.memo.set(index, this.top())
  }

  recall(index: number | bigint): void {
    const value = typeof index === 'number' ? this.memo.get(index) : undefined
    if (value === undefined) this.cursor.fail(`nothing was remembered as ${index}`)
    else this.push(value)
  }

  persistent(id: PickleValue): void {
    this.spend(OBJECT_COST)
    this.push(this.host.persistent(id))
  }

  /** What calling this stands for. */
  call(callee: PickleValue, args: PickleValue): PickleValue {
    this.spend(OBJECT_COST + weigh(args))
    if (!(args instanceof PickleTuple)) return this.cursor.fail('the arguments of a call are no tuple')
    if (callee instanceof PickleGlobal && callee.call) return callee.call(args.items)
    return this.cursor.fail(`${describeValue(callee)} is called, which means nothing here`)
  }

  /** What an object made without its constructor stands for. */
  create(type: PickleValue, args: PickleValue): PickleValue {
    this.spend(OBJECT_COST)
    if (!(args instanceof PickleTuple)) return this.cursor.fail('the arguments of an object are no tuple')
    if (type instanceof PickleGlobal && type.create) return type.create(args.items)
    return this.cursor.fail(`an object of ${describeValue(type)} is made, which means nothing here`)
  }

  setState(state: PickleValue): void {
    const target = this.top()
    if (target instanceof PickleObject) target.setState(state)
    // Attributes of an ordered dictionary, as PyTorch's `_metadata`, say nothing about its contents.
    else if (!(target instanceof Map)) this.cursor.fail(`${describeValue(target)} takes no state`)
  }

  #finish(): PickleValue {
    if (this.#stack.length !== 1 || this.#below.length > 0) this.cursor.fail('the pickle stops with work left over')
    return this.pop()
  }

  #need(count: number): void {
    if (this.#stack.length < count) this.cursor.fail('an instruction needs more values than there are')
  }
}

/** What a call may copy of its arguments: to name one thing many times costs a pickle little, to copy it does not. */
function weigh(args: PickleValue): number {
  if (!(args instanceof PickleTuple)) return 0
  return args.items.reduce((sum: number, item) => {
    if (typeof item === 'string' || item instanceof Uint8Array || Array.isArray(item)) return sum + item.length
    if (item instanceof PickleTuple) return sum + item.items.length
    return item instanceof Map || item instanceof Set ? sum + item.size : sum + 1
  }, 0)
}
