/**
 * Writes ONNX models: the few fields of the protobuf schema (onnx.proto3) that a graph of a node or two needs.
 *
 * A protobuf message is a run of fields, each a tag (field number and wire type) and a value: a varint, four bytes, or
 * length-delimited bytes, which is what nested messages, strings and packed lists are.
 */

export interface OnnxValue {
  readonly name: string
  readonly type: OnnxType
  /** Any shape when absent. */
  readonly shape?: readonly number[]
}

export type OnnxType = 'float32' | 'float16'

export type OnnxAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly string: string }

export interface OnnxNode {
  readonly op: string
  /** ONNX's own operators when absent; `com.microsoft` for ONNX Runtime's. */
  readonly domain?: string
  readonly inputs: readonly string[]
  readonly output: string
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxValue[]
  readonly nodes: readonly OnnxNode[]
  readonly output: OnnxValue
}

/** Operator set 17 is the first with LayerNormalization; every runtime of the last years has it. */
const operatorSet = 17
/** The format's version that belongs to that operator set. */
const irVersion = 8
const elementTypes: Readonly<Record<OnnxType, number>> = { float32: 1, float16: 10 }
const attributeTypes = { float: 1, int: 2, string: 3, ints: 7 } as const

/** The bytes of a model file. */
export function encodeModel({ inputs, nodes, output }: OnnxGraph): Uint8Array {
  const graph = message(
    ...nodes.map((node) => bytes(1, encodeNode(node))),
    text(2, 'case'),
    ...inputs.map((value) => bytes(11, encodeValue(value))),
    bytes(12, encodeValue(output)),
  )
  return message(
    integer(1, irVersion),
    text(2, 'voxgrad'),
    bytes(7, graph),
    bytes(8, message(text(1, ''), integer(2, operatorSet))),
    bytes(8, message(text(1, 'com.microsoft'), integer(2, 1))),
  )
}

function encodeNode({ op, domain = '', inputs, output, attributes = {} }: OnnxNode): Uint8Array {
  return message(
    ...inputs.map((name) => text(1, name)),
    text(2, output),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, encodeAttribute(name, value))),
    text(7, domain),
  )
}

function encodeAttribute(name: string, value: OnnxAttribute): Uint8Array {
  if ('float' in value) return message(text(1, name), float(2, value.float), integer(20, attributeTypes.float))
  if ('int' in value) return message(text(1, name), integer(3, value.int), integer(20, attributeTypes.int))
  if ('string' in value) return message(text(1, name), text(4, value.string), integer(20, attributeTypes.string))
  const items = value.ints.map((item) => integer(8, item))
  return message(text(1, name), ...items, integer(20, attributeTypes.ints))
}

function encodeValue({ name, type, shape }: OnnxValue): Uint8Array {
  const dimensions = shape?.map((extent) => bytes(1, integer(1, extent)))
  const tensor = message(integer(1, elementTypes[type]), ...(dimensions ? [bytes(2, message(...dimensions))] : []))
  return message(text(1, name), bytes(2, bytes(1, tensor)))
}

function message(...fields: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(fields.reduce((size, field) => size + field.length, 0))
  let offset = 0
  for (const field of fields) {
    whole.set(field, offset)
    offset += field.length
  }
  return whole
}

const wireVarint = 0
const wireBytes = 2
const wireFourBytes = 5

function varint(value: number): number[] {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`varint: ${value} is no whole number from 0 on`)
  const groups: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) groups.push((rest % 128) | 128)
  return [...groups, rest]
}

const integer = (field: number, value: number): Uint8Array =>
  Uint8Array.from([...varint(field * 8 + wireVarint), ...varint(value)])

const bytes = (field: number, content: Uint8Array): Uint8Array =>
  message(Uint8Array.from([...varint(field * 8 + wireBytes), ...varint(content.length)]), content)

const text = (field: number, content: string): Uint8Array => bytes(field, new TextEncoder().encode(content))

function float(field: number, value: number): Uint8Array {
  const four = new Uint8Array(4)
  new DataView(four.buffer).setFloat32(0, value, true)
  return message(Uint8Array.from(varint(field * 8 + wireFourBytes)), four)
}
