/** A small assembler of pickles, for those that no honest program writes. */
import { joined } from './fixtures.js'

const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

export type Code = Uint8Array

/** Instructions, and values made of them. */
export const op = {
  raw: (...bytes: (number | string | Uint8Array)[]): Code =>
    joined(...bytes.map((item) => (typeof item === 'number' ? [item] : item))),
  none: joined('N'),
  text: (text: string): Code => joined('X', uint32(Buffer.byteLength(text)), text),
  int: (value: number): Code => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(value))
    return joined([0x8a, 8], bytes)
  },
  tuple: (...items: Code[]): Code => joined('(', ...items, 't'),
  list: (...items: Code[]): Code => joined('](', ...items, 'e'),
  dict: (entries: Readonly<Record<string, Code>>): Code =>
    joined('}(', ...Object.entries(entries).flatMap(([key, value]) => [op.text(key), value]), 'u'),
  global: (module: string, name: string): Code => joined(`c${module}\n${name}\n`),
  call: (callee: Code, ...args: Code[]): Code => joined(callee, op.tuple(...args), 'R'),
  /** A whole pickle. */
  pickle: (value: Code): Code => joined([0x80, 2], value, '.'),
}

export interface StorageCode {
  readonly key?: string
  readonly type?: string
  readonly elements: number
}

export function storage({ key = '0', type = 'FloatStorage', elements }: StorageCode): Code {
  const id = op.tuple(op.text('storage'), op.global('torch', type), op.text(key), op.text('cpu'), op.int(elements))
  return joined(id, 'Q')
}

/** A tensor as PyTorch describes it. */
export function tensorCode(
  of: StorageCode,
  { offset = 0, shape, strides }: { offset?: number; shape: readonly number[]; strides: readonly number[] },
): Code {
  return op.call(
    op.global('torch._utils', '_rebuild_tensor_v2'),
    storage(of),
    op.int(offset),
    op.tuple(...shape.map(op.int)),
    op.tuple(...strides.map(op.int)),
    joined([0x89]),
    op.call(op.global('collections', 'OrderedDict')),
  )
}
