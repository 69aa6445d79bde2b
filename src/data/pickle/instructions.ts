/** The instructions of the pickle language, protocols 0 to 5, one row each; the names are those of pickletools.py. */
import { LIST_COST, OBJECT_COST } from './costs.js'
import type { PickleMachine } from './machine.js'
import { describeValue, PickleRecord, PickleTuple, type PickleValue } from './values.js'

type Instruction = (machine: PickleMachine) => void

export const STOP = 0x2e

const HIGHEST_PROTOCOL = 5

const table: Readonly<Record<string, Instruction>> = {
  // Constants
  N: (m) => m.push(null), // NONE
  '\x88': (m) => m.push(true), // NEWTRUE
  '\x89': (m) => m.push(false), // NEWFALSE
  K: (m) => m.push(m.cursor.uint8()), // BININT1
  M: (m) => m.push(m.cursor.uint16()), // BININT2
  J: (m) => m.push(m.cursor.int32()), // BININT
  '\x8a': (m) => m.push(m.cursor.integer(m.cursor.uint8())), // LONG1
  '\x8b': (m) => m.push(m.cursor.integer(m.cursor.uint32())), // LONG4
  I: (m) => m.push(intOrBool(m)), // INT
  L: (m) => m.push(m.cursor.decimal()), // LONG
  G: (m) => m.push(m.cursor.float64()), // BINFLOAT
  F: (m) => m.push(float(m)), // FLOAT
  X: (m) => m.push(m.cursor.utf8(m.cursor.uint32())), // BINUNICODE
  '\x8c': (m) => m.push(m.cursor.utf8(m.cursor.uint8())), // SHORT_BINUNICODE
  '\x8d': (m) => m.push(m.cursor.utf8(m.cursor.length64())), // BINUNICODE8
  V: (m) => m.push(unicodeLine(m)), // UNICODE
  S: (m) => m.push(quoted(m)), // STRING
  U: (m) => m.push(m.cursor.byteString(m.cursor.uint8())), // SHORT_BINSTRING
  T: (m) => m.push(m.cursor.byteString(m.cursor.uint32())), // BINSTRING
  C: (m) => bytes(m, m.cursor.uint8()), // SHORT_BINBYTES
  B: (m) => bytes(m, m.cursor.uint32()), // BINBYTES
  '\x8e': (m) => bytes(m, m.cursor.length64()), // BINBYTES8
  '\x96': (m) => bytes(m, m.cursor.length64()), // BYTEARRAY8

  // Containers
  ')': (m) => m.push(emptyTuple), // EMPTY_TUPLE
  '\x85': (m) => tuple(m, [m.pop()]), // TUPLE1
  '\x86': (m) => tuple(m, [m.pop(), m.pop()].reverse()), // TUPLE2
  '\x87': (m) => tuple(m, [m.pop(), m.pop(), m.pop()].reverse()), // TUPLE3
  t: (m) => tuple(m, m.popToMark()), // TUPLE
  ']': (m) => list(m), // EMPTY_LIST
  l: (m) => m.push(m.popToMark()), // LIST
  '}': (m) => dictionary(m, []), // EMPTY_DICT
  d: (m) => dictionary(m, m.popToMark()), // DICT
  '\x8f': (m) => set(m, []), // EMPTY_SET
  '\x91': (m) => set(m, m.popToMark()), // FROZENSET
  a: (m) => append(m, [m.pop()]), // APPEND
  e: (m) => append(m, m.popToMark()), // APPENDS
  s: (m) => setItems(m, [m.pop(), m.pop()].reverse()), // SETITEM
  u: (m) => setItems(m, m.popToMark()), // SETITEMS
  '\x90': (m) => addItems(m, m.popToMark()), // ADDITEMS

  // Stack and memo
  '(': (m) => m.mark(), // MARK
  '0': (m) => m.popOrUnmark(), // POP
  '1': (m) => void m.popToMark(), // POP_MARK
  '2': (m) => m.push(m.top()), // DUP
  p: (m) => m.remember(m.cursor.decimal()), // PUT
  q: (m) => m.remember(m.cursor.uint8()), // BINPUT
  r: (m) => m.remember(m.cursor.uint32()), // LONG_BINPUT
  '\x94': (m) => m.remember(m.memo.size), // MEMOIZE
  g: (m) => m.recall(m.cursor.decimal()), // GET
  h: (m) => m.recall(m.cursor.uint8()), // BINGET
  j: (m) => m.recall(m.cursor.uint32()), // LONG_BINGET

  // Names and objects, which only the host gives a meaning
  c: (m) => m.push(global(m, m.cursor.line(), m.cursor.line())), // GLOBAL
  '\x93': (m) => stackGlobal(m), // STACK_GLOBAL
  R: (m) => reverse(m, (args, callee) => m.call(callee, args)), // REDUCE
  '\x81': (m) => reverse(m, (args, type) => m.create(type, args)), // NEWOBJ
  '\x92': (m) => createWithKeywords(m), // NEWOBJ_EX
  i: (m) => instance(m, global(m, m.cursor.line(), m.cursor.line()), m.popToMark()), // INST
  o: (m) => callItems(m, m.popToMark()), // OBJ
  b: (m) => m.setState(m.pop()), // BUILD
  Q: (m) => m.persistent(m.pop()), // BINPERSID
  P: (m) => m.persistent(m.cursor.line()), // PERSID

  // The frame of the whole
  '\x80': (m) => checkProtocol(m), // PROTO
  '\x95': (m) => void m.cursor.length64(), // FRAME: only a hint for buffering
}

/** By code. EXT1, EXT2, EXT4 and the out-of-band buffers of protocol 5 refer to what is not in the file. */
export const instructions: ReadonlyMap<number, Instruction> = new Map(
  Object.entries(table).map(([character, run]) => [character.charCodeAt(0), run]),
)

function intOrBool(machine: PickleMachine): PickleValue {
  const { cursor } = machine
  const start = cursor.position
  const text = cursor.line()
  if (text === '00' || text === '01') return text === '01'
  cursor.position = start
  return cursor.decimal()
}

const specialFloats = new Map([
  ['inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['nan', Number.NaN],
])

function float({ cursor }: PickleMachine): number {
  const text = cursor.line()
  const special = specialFloats.get(text)
  if (special !== undefined) return special
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : cursor.fail('a float is malformed')
}

/** Text in Python's raw-unicode-escape. */
function unicodeLine({ cursor }: PickleMachine): string {
  return cursor.line('latin1').replace(/\\u([\da-fA-F]{4})|\\U([\da-fA-F]{8})/g, (_, short, long) => {
    const point = Number.parseInt(short ?? long, 16)
    return point <= 0x10ffff ? String.fromCodePoint(point) : cursor.fail('a string is malformed')
  })
}

/** A string as Python 2 printed it; only plain ones, which names are. */
function quoted({ cursor }: PickleMachine): string {
  const match = /^(['"])([^\\]*)\1$/.exec(cursor.line())
  return match ? match[2]! : cursor.fail('a string of protocol 0 with escapes is not supported')
}

const emptyTuple = new PickleTuple([])

function tuple(machine: PickleMachine, items: PickleValue[]): void {
  machine.spend(LIST_COST)
  machine.push(new PickleTuple(items))
}

function list(machine: PickleMachine): void {
  machine.spend(LIST_COST)
  machine.push([])
}

function bytes(machine: PickleMachine, length: number): void {
  machine.spend(OBJECT_COST)
  // A copy: a view would keep the whole file's bytes in memory.
  machine.push(machine.cursor.take(length).slice())
}

function dictionary(machine: PickleMachine, items: PickleValue[]): void {
  machine.spend(OBJECT_COST)
  machine.push(new Map())
  setItems(machine, items)
}

function set(machine: PickleMachine, items: PickleValue[]): void {
  machine.spend(OBJECT_COST)
  machine.push(new Set())
  addItems(machine, items)
}

function append(machine: PickleMachine, items: PickleValue[]): void {
  const target = machine.top()
  const list = target instanceof PickleRecord ? target.items : target
  if (!Array.isArray(list)) machine.cursor.fail(`items are appended to ${describeValue(target)}`)
  else for (const item of items) list.push(item)
}

function setItems(machine: PickleMachine, items: PickleValue[]): void {
  const target = machine.top()
  const map = target instanceof PickleRecord ? target.entries : target
  if (!(map instanceof Map)) machine.cursor.fail(`items are set in ${describeValue(target)}`)
  if (items.length % 2 !== 0) machine.cursor.fail('a key has no value')
  for (let n = 0; n < items.length; n += 2) map.set(hashable(machine, items[n]!), items[n + 1]!)
}

function addItems(machine: PickleMachine, items: PickleValue[]): void {
  const target = machine.top()
  if (!(target instanceof Set)) machine.cursor.fail(`items are added to ${describeValue(target)}`)
  for (const item of items) target.add(hashable(machine, item))
}

function hashable(machine: PickleMachine, key: PickleValue): PickleValue {
  if (Array.isArray(key) || key instanceof Map) machine.cursor.fail(`${describeValue(key)} is a key`)
  return key
}

function global(machine: PickleMachine, module: string, name: string): PickleValue {
  return machine.host.global(`${pythonThreeModules.get(module) ?? module}.${name}`)
}

/** Modules that protocol 2 still calls by their names in Python 2. */
const pythonThreeModules = new Map([
  ['__builtin__', 'builtins'],
  ['copy_reg', 'copyreg'],
])

function stackGlobal(machine: PickleMachine): void {
  const [name, module] = [machine.pop(), machine.pop()]
  if (typeof module !== 'string' || typeof name !== 'string') machine.cursor.fail('a name is no string')
  else machine.push(global(machine, module, name))
}

function reverse(machine: PickleMachine, combine: (upper: PickleValue, lower: PickleValue) => PickleValue): void {
  const upper = machine.pop()
  machine.push(combine(upper, machine.pop()))
}

function createWithKeywords(machine: PickleMachine): void {
  const keywords = machine.pop()
  if (!(keywords instanceof Map) || keywords.size > 0) machine.cursor.fail('keyword arguments are not supported')
  reverse(machine, (args, type) => machine.create(type, args))
}

function instance(machine: PickleMachine, type: PickleValue, args: PickleValue[]): void {
  machine.push(machine.call(type, new PickleTuple(args)))
}

function callItems(machine: PickleMachine, [type, ...args]: PickleValue[]): void {
  if (type === undefined) machine.cursor.fail('an object has no class')
  else instance(machine, type, args)
}

function checkProtocol({ cursor }: PickleMachine): void {
  const protocol = cursor.uint8()
  if (protocol > HIGHEST_PROTOCOL) cursor.fail(`pickle protocol ${protocol} is not known`)
}
