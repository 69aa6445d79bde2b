import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import { encodeSafetensors, parseSafetensors } from '../../src/data/safetensors.js'
import {
  type SafetensorsDtype,
  type SafetensorsTensor,
  safetensorsArrays,
  tensorArrayFromBytes,
  toFloat32,
  toFloat64,
} from '../../src/data/safetensors-dtypes.js'
import { openSafetensors, writeSafetensors, writeSafetensorsFrom } from '../../src/data/safetensors-file.js'
import { damaged, succeedsOrRefuses, temporaryFolder } from './helpers.js'
import { fixture } from './weights/fixtures.js'

function joined(pieces: Uint8Array[]): Uint8Array {
  return new Uint8Array(pieces.flatMap((piece) => [...piece]))
}

/** A file from the text of its header and its data. */
function file(header: string, data: number[] | number = 0, headerLength?: bigint): Uint8Array {
  const text = new TextEncoder().encode(header)
  const start = new Uint8Array(8)
  new DataView(start.buffer).setBigUint64(0, headerLength ?? BigInt(text.length), true)
  return joined([start, text, typeof data === 'number' ? new Uint8Array(data) : Uint8Array.from(data)])
}

const dtypes = Object.keys(safetensorsArrays) as SafetensorsDtype[]

const tensors: fc.Arbitrary<SafetensorsTensor> = fc
  .tuple(fc.constantFrom(...dtypes), fc.array(fc.nat(4), { maxLength: 3 }))
  .chain(([dtype, shape]) => {
    const bytes = shape.reduce((product, size) => product * size, safetensorsArrays[dtype].BYTES_PER_ELEMENT)
    return fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((data) => ({ dtype, shape, data: tensorArrayFromBytes(dtype, new Uint8Array(data)) }))
  })

const contents = fc.tuple(
  fc.dictionary(
    fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__'),
    tensors,
    { maxKeys: 6 },
  ),
  fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
)

const rawBytes = ({ data }: SafetensorsTensor) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]

describe('round trip', () => {
  test('in memory, at any alignment', () => {
    fc.assert(
      fc.property(contents, fc.nat(7), ([input, metadata], shift) => {
        const bytes = joined(encodeSafetensors(input, metadata))
        const shifted = new Uint8Array(bytes.length + shift).subarray(shift)
        shifted.set(bytes)
        const parsed = parseSafetensors(shifted)
        expect(new Set(parsed.names)).toEqual(new Set(Object.keys(input)))
        expect(parsed.metadata).toEqual(metadata)
        for (const [name, tensor] of Object.entries(input)) {
          const { dtype, shape } = tensor
          expect(parsed.header(name)).toEqual({ dtype, shape })
          expect(parsed.read(name)).toMatchObject({ dtype, shape })
          expect(rawBytes(parsed.read(name))).toEqual(rawBytes(tensor))
        }
        // Canonical: what was read gives the same bytes again.
        const again = new Map(parsed.names.map((name) => [name, parsed.read(name)]))
        expect(joined(encodeSafetensors(again, parsed.metadata))).toEqual(bytes)
      }),
      { numRuns: 150 },
    )
  })

  test('through a file, one tensor at a time', async () => {
    const path = join(await temporaryFolder(), 'a.safetensors')
    await fc.assert(
      fc.asyncProperty(contents, async ([input, metadata]) => {
        await writeSafetensors(path, input, metadata)
        await using opened = await openSafetensors(path)
        expect(opened.metadata).toEqual(metadata)
        for (const [name, tensor] of Object.entries(input)) {
          expect(rawBytes(await opened.read(name))).toEqual(rawBytes(tensor))
          const target = new Uint8Array(opened.byteLength(name))
          await opened.readInto(name, target)
          expect([...target]).toEqual(rawBytes(tensor))
        }
      }),
      { numRuns: 30 },
    )
  })
})

test('names that JavaScript objects treat specially are names like any other', () => {
  const metadata = Object.fromEntries([
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ])
  const tensors = new Map([['__proto__', { dtype: 'U8' as const, shape: [1], data: Uint8Array.of(7) }]])
  const parsed = parseSafetensors(joined(encodeSafetensors(tensors, metadata)))
  expect(Object.entries(parsed.metadata)).toEqual(Object.entries(metadata))
  expect(parsed.names).toEqual(['__proto__'])
  expect(parsed.read('__proto__').data).toEqual(Uint8Array.of(7))
})

test('the canonical order is widest dtype first, then name; the header is padded to 8 bytes', () => {
  const bytes = joined(
    encodeSafetensors(
      {
        b: { dtype: 'F32', shape: [1], data: Float32Array.of(1) },
        '10': { dtype: 'F32', shape: [], data: Float32Array.of(2) },
        z: { dtype: 'I64', shape: [1], data: BigInt64Array.of(3n) },
        a: { dtype: 'U8', shape: [2, 1], data: Uint8Array.of(4, 5) },
      },
      { y: '2', x: '1' },
    ),
  )
  const header =
    '{"__metadata__":{"x":"1","y":"2"},"z":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
    '"10":{"dtype":"F32","shape":[],"data_offsets":[8,12]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},' +
    '"a":{"dtype":"U8","shape":[2,1],"data_offsets":[16,18]}}'
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8)
  expect(bytes).toEqual(file(padded, [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 128, 63, 4, 5]))
})

test('what Python writes is read, and written again byte by byte', async () => {
  const bytes = fixture('safetensors', 'all')
  const parsed = parseSafetensors(bytes)
  expect(new Set(parsed.names.map((name) => parsed.header(name).dtype)).size).toBe(15)
  expect(parsed.header('none')).toEqual({ dtype: 'F32', shape: [0, 3] })
  expect(toFloat32(parsed.read('brain'))).toEqual(Float32Array.of(0.5))
  const headers = new Map(parsed.names.map((name) => [name, parsed.header(name)]))
  const path = join(await temporaryFolder(), 'a.safetensors')
  await writeSafetensorsFrom(path, headers, async (name) => parsed.read(name), parsed.metadata)
  expect(new Uint8Array(await readFile(path))).toEqual(bytes)
})

test('a tensor that is not what was announced stops the file', async () => {
  const folder = await temporaryFolder()
  const headers = new Map([['a', { dtype: 'F32' as const, shape: [1] }]])
  const write = (tensor: SafetensorsTensor) => writeSafetensorsFrom(join(folder, 'a'), headers, async () => tensor)
  await expect(write({ dtype: 'F32', shape: [2], data: new Float32Array(2) })).rejects.toThrow(/announced as F32 \[1\]/)
  await expect(write({ dtype: 'I32', shape: [1], data: new Int32Array(1) })).rejects.toThrow(DataError)
  expect(await readdir(folder)).toEqual([])
})

describe('refuses', () => {
  const entry = (text: string) => `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}${text}}`
  test.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(0), /0 bytes are too few/],
    ['a header longer than the file', file('{}', 0, 100n), /needs 100 bytes/],
    ['a header longer than the limit', file('{}', 0, 100_000_001n), /exceeds the limit/],
    ['a length beyond all numbers', file('{}', 0, 2n ** 64n - 1n), /exceeds the limit/],
    ['no JSON', file('{"a":'), /not JSON/],
    ['bytes that are no UTF-8', joined([file('', 0, 2n), Uint8Array.of(0xff, 0xfe)]), /not JSON/],
    ['a byte order mark', file('\ufeff{}'), /not JSON/],
    ['a list', file('[]'), /not a JSON object/],
    ['a name twice', file(entry(',"a":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}'), 4), /names 'a' twice/],
    ['a name twice by escapes', file(entry(',"\\u0061":{}'), 2), /twice/],
    ['a field twice', file('{"a":{"dtype":"U8","dtype":"I8","shape":[2],"data_offsets":[0,2]}}', 2), /'dtype' twice/],
    ['an unknown dtype', file('{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}', 1), /unsupported dtype "F4"/],
    ['a dtype of the prototype', file('{"a":{"dtype":"constructor","shape":[],"data_offsets":[0,0]}}'), /dtype/],
    ['a negative length', file('{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}'), /shape/],
    ['a fraction', file('{"a":{"dtype":"U8","shape":[0.5],"data_offsets":[0,0]}}'), /shape/],
    ['positions out of order', file('{"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}}', 2), /data_offsets/],
    [
      'a size that does not fit',
      file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', 4),
      /cannot have 4 bytes/,
    ],
    [
      'an overflowing shape',
      file(`{"a":{"dtype":"U8","shape":[${2 ** 52},${2 ** 52}],"data_offsets":[0,2]}}`, 2),
      /cannot have/,
    ],
    ['an overlap', file(entry(',"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}'), 3), /overlaps/],
    ['a hole', file(entry(',"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}'), 4), /bytes 2 to 3/],
    ['data beyond the tensors', file(entry(''), 3), /cover 2 bytes, but 3/],
    ['tensors beyond the data', file(entry(''), 1), /cover 2 bytes, but 1/],
    ['metadata that are not text', file('{"__metadata__":{"a":1}}'), /__metadata__/],
    ['an entry that is null', file('{"a":null}'), /not an object/],
  ])('%s', async (_, bytes, message) => {
    expect(() => parseSafetensors(bytes, 'model')).toThrow(DataError)
    expect(() => parseSafetensors(bytes, 'model')).toThrow(message)
    const path = join(await temporaryFolder(), 'a.safetensors')
    await writeFile(path, bytes)
    await expect(openSafetensors(path)).rejects.toThrow(DataError)
    await expect(openSafetensors(path)).rejects.toThrow(message)
  })

  test('an unknown name, with some that exist', () => {
    const parsed = parseSafetensors(file(entry(''), 2), 'model')
    expect(() => parsed.read('b')).toThrow(/^model: there is no tensor 'b' among the 1.*a$/)
  })

  test('a missing file, and one that shrinks while open', async () => {
    const folder = await temporaryFolder()
    await expect(openSafetensors(join(folder, 'none'))).rejects.toThrow(DataError)
    const path = join(folder, 'a')
    await writeFile(path, file(entry(''), 2))
    await using opened = await openSafetensors(path)
    await expect(opened.readInto('a', new Uint8Array(1))).rejects.toThrow(/2 bytes, the target 1/)
    await truncate(path, 20)
    await expect(opened.read('a')).rejects.toThrow(DataError)
  })

  test.each<[string, SafetensorsTensor]>([
    ['a shape that does not fit', { dtype: 'F32', shape: [2], data: new Float32Array(3) }],
    ['an array of another type', { dtype: 'F32', shape: [2], data: new Float64Array(2) }],
    ['an unknown dtype', { dtype: 'F4' as SafetensorsDtype, shape: [2], data: new Uint8Array(2) }],
    ['a negative shape', { dtype: 'U8', shape: [-1, -2], data: new Uint8Array(2) }],
  ])('to write %s', async (_, tensor) => {
    const folder = await temporaryFolder()
    await expect(writeSafetensors(join(folder, 'a'), { tensor })).rejects.toThrow(/tensor 'tensor'/)
    expect(await readdir(folder)).toEqual([])
  })

  test('to write a tensor named as the metadata', () => {
    expect(() => encodeSafetensors({ __metadata__: { dtype: 'U8', shape: [0], data: new Uint8Array(0) } })).toThrow(
      DataError,
    )
  })
})

test('damaged files are read or refused, never anything else', async () => {
  const golden = await readFile(new URL('../golden/cases/preprocess/singleton.safetensors', import.meta.url))
  await fc.assert(
    fc.asyncProperty(damaged(new Uint8Array(golden)), async (bytes) => {
      await succeedsOrRefuses(() => {
        const parsed = parseSafetensors(bytes)
        for (const name of parsed.names) parsed.read(name)
      })
    }),
    { numRuns: 600 },
  )
})

test.each<[string, SafetensorsTensor, number[]]>([
  ['F32', { dtype: 'F32', shape: [1], data: Float32Array.of(0.1) }, [Math.fround(0.1)]],
  ['F64', { dtype: 'F64', shape: [1], data: Float64Array.of(0.1) }, [0.1]],
  ['F16', { dtype: 'F16', shape: [2], data: Uint16Array.of(0x3c00, 0xc000) }, [1, -2]],
  ['BF16', { dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) }, [1, -2]],
  ['I64', { dtype: 'I64', shape: [2], data: BigInt64Array.of(-3n, 2n ** 31n) }, [-3, 2 ** 31]],
  ['BOOL', { dtype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) }, [0, 1]],
  ['I8', { dtype: 'I8', shape: [1], data: Int8Array.of(-7) }, [-7]],
])('toFloat32 and toFloat64 of %s', (_, tensor, expected) => {
  expect([...toFloat64(tensor)]).toEqual(expected)
  expect([...toFloat32(tensor)]).toEqual(expected.map(Math.fround))
})

test('8-bit floats are refused, not misread', () => {
  expect(() => toFloat32({ dtype: 'F8_E4M3', shape: [1], data: Uint8Array.of(1) })).toThrow(DataError)
})
