import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError, NotSupportedDataError } from '../../../src/data/errors.js'
import { encodeNpy, readNpy, writeNpy } from '../../../src/data/numpy/npy.js'
import { openNpz, writeNpz } from '../../../src/data/numpy/npz.js'
import { PythonTuple, parsePythonLiteral } from '../../../src/data/numpy/python-literal.js'
import {
  type SafetensorsDtype,
  type SafetensorsTensor,
  safetensorsArrays,
  tensorArrayFromBytes,
  toFloat64,
} from '../../../src/data/safetensors-dtypes.js'
import { temporaryFolder } from '../helpers.js'
import { fixture, fixtureNames, joined } from './fixtures.js'
import { zipBytes } from './zip-bytes.js'

const read = (bytes: Uint8Array) => readNpy({ name: 'a.npy', bytes })
const counting = [0, 1, 2, 3, 4, 5]

test.each(fixtureNames('numpy').filter((name) => /^[<>|]/.test(name)))('reads %s', async (descr) => {
  const tensor = await read(fixture('numpy', descr))
  expect(tensor.shape).toEqual([2, 3])
  expect([...toFloat64(tensor)]).toEqual(descr === '|b1' ? [0, 1, 1, 1, 1, 1] : counting)
})

test.each(['version 1', 'version 2', 'version 3', 'fortran'])('reads %s', async (name) => {
  const tensor = await read(fixture('numpy', name))
  expect(tensor).toEqual({ dtype: 'F32', shape: [2, 3], data: Float32Array.from(counting) })
})

test('reads scalars and empty arrays', async () => {
  expect(await read(fixture('numpy', 'scalar'))).toEqual({ dtype: 'F64', shape: [], data: Float64Array.of(7.5) })
  expect(await read(fixture('numpy', 'empty'))).toEqual({ dtype: 'F32', shape: [0, 3], data: new Float32Array() })
})

test.each(['complex', 'text', 'object', 'structured'])('%s arrays are refused by name', async (name) => {
  await expect(read(fixture('numpy', name))).rejects.toThrow(DataError)
})

test('writes the very bytes of NumPy', async () => {
  for (const name of ['<f4', '<f2', '<i8', '|b1', '|u1', 'scalar', 'empty']) {
    const bytes = fixture('numpy', name)
    expect(joined(...encodeNpy(await read(bytes), 'a'))).toEqual(bytes)
  }
})

describe.each(['npz', 'npz deflated'])("NumPy's %s", (name) => {
  test('is read one array at a time', async () => {
    await using file = await openNpz({ name: 'a.npz', bytes: fixture('numpy', name) })
    expect(file.names).toEqual(['a', 'b.weight'])
    expect(file.header('a')).toEqual({ dtype: 'F32', shape: [2, 3] })
    expect((await file.read('a')).data).toEqual(Float32Array.from(counting))
    expect((await file.read('b.weight')).data).toEqual(BigInt64Array.of(3n))
    expect(() => file.header('c')).toThrow(/no array 'c' among the 2. The first are: a, b.weight/)
  })
})

const numpyDtypes = ['F64', 'F32', 'F16', 'I64', 'I32', 'I16', 'I8', 'U64', 'U32', 'U16', 'U8', 'BOOL'] as const

const tensors: fc.Arbitrary<SafetensorsTensor> = fc
  .tuple(fc.constantFrom(...numpyDtypes), fc.array(fc.nat(4), { maxLength: 3 }))
  .chain(([dtype, shape]) => {
    const length = shape.reduce((product, size) => product * size, safetensorsArrays[dtype].BYTES_PER_ELEMENT)
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((data) => ({ dtype, shape, data: tensorArrayFromBytes(dtype, new Uint8Array(data)) }))
  })

test('round trips through .npy and .npz', async () => {
  const folder = await temporaryFolder()
  const names = fc.string({ unit: 'grapheme', maxLength: 12 })
  await fc.assert(
    fc.asyncProperty(fc.dictionary(names, tensors, { maxKeys: 4 }), tensors, async (arrays, one) => {
      const [npy, npz] = [join(folder, 'a.npy'), join(folder, 'a.npz')]
      await writeNpy(npy, one)
      expect(await readNpy(npy)).toEqual(one)
      const map = new Map(Object.entries(arrays))
      await writeNpz(npz, map, async (name) => map.get(name)!)
      await using file = await openNpz(npz)
      expect(file.names).toEqual([...map.keys()])
      for (const [name, tensor] of map) expect(await file.read(name)).toEqual(tensor)
    }),
    { numRuns: 40 },
  )
})

test('the same arrays give the same bytes', async () => {
  const folder = await temporaryFolder()
  const map = new Map<string, SafetensorsTensor>([['a', { dtype: 'F32', shape: [1], data: Float32Array.of(1) }]])
  for (const name of ['a.npz', 'b.npz']) await writeNpz(join(folder, name), map, async (key) => map.get(key)!)
  expect(await readFile(join(folder, 'a.npz'))).toEqual(await readFile(join(folder, 'b.npz')))
})

test.each<SafetensorsDtype>(['BF16', 'F8_E4M3'])('%s is refused before anything is written', async (dtype) => {
  const folder = await temporaryFolder()
  const tensor = { dtype, shape: [0], data: new safetensorsArrays[dtype]() }
  await expect(writeNpy(join(folder, 'a.npy'), tensor)).rejects.toThrow(/NumPy has no type for .*--dtype f32/)
  await expect(writeNpz(join(folder, 'a.npz'), new Map([['a', tensor]]), async () => tensor)).rejects.toThrow(DataError)
  expect(await readdir(folder)).toEqual([])
})

/** A version 1 file with this text as its header. */
function npy(text: string, dataBytes = 0, version = [1, 0]): Uint8Array {
  const length = Buffer.alloc(version[0] === 1 ? 2 : 4)
  length.writeUIntLE(Buffer.byteLength(text), 0, length.length)
  return joined([0x93], 'NUMPY', version, length, text, new Uint8Array(dataBytes))
}

const header = (descr: string, order: string, shape: string, more = '') =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}${more}}`

test('headers of other writers are read', async () => {
  const bytes = npy('{"shape":(2L,),"fortran_order":False,"descr":"<i2"}', 4)
  expect((await read(bytes)).data).toEqual(Int16Array.of(0, 0))
})

describe('refuses', () => {
  const f4 = "'<f4'"
  test.each<[string, Uint8Array, RegExp]>([
    ['an empty file', new Uint8Array(), /no \.npy file/],
    ['another file', joined('PK\x03\x04', new Uint8Array(100)), /no \.npy file/],
    ['an unknown version', npy('', 0, [4, 0]), /version 4/],
    ['a truncated length', joined([0x93], 'NUMPY', [1, 0, 1]), /truncated/],
    ['a truncated header', npy(header(f4, 'False', '()')).slice(0, -1), /truncated/],
    ['a header without end', npy(' '.repeat(20_000), 0, [2, 0]), /beyond NumPy's limit/],
    ['text that is not UTF-8', joined(npy('', 0, [3, 0]).fill(1, 8, 9), [0xff]), /UTF-8/],
    ['code', npy("__import__('os').system('true')"), /no dictionary/],
    ['code in a field', npy(header('eval("1")', 'False', '()')), /no dictionary/],
    ['escapes', npy(header("'<f4\\x00'", 'False', '()')), /no dictionary/],
    ['a list', npy('[]'), /no dictionary/],
    ['something behind the dictionary', npy(`${header(f4, 'False', '()')} 1`), /no dictionary/],
    ['a field twice', npy(header(f4, 'False', '()', ", 'shape': ()")), /no dictionary/],
    ['a missing field', npy("{'descr': '<f4', 'shape': ()}"), /the fields descr, shape/],
    ['a surplus field', npy(header(f4, 'False', '()', ", 'x': 1")), /the fields descr, fortran_order, shape, x/],
    ['an order that is a number', npy(header(f4, '0', '()')), /neither True nor False/],
    ['a shape that is a list', npy(header(f4, 'False', '[1]')), /no tuple/],
    ['a number in brackets', npy(header(f4, 'False', '(1)'), 4), /no tuple/],
    ['a negative size', npy(header(f4, 'False', '(-1,)')), /lengths/],
    ['a size that is text', npy(header(f4, 'False', "('1',)")), /lengths/],
    ['no byte order', npy(header("'|f4'", 'False', '()'), 4), /no byte order/],
    ["the machine's own byte order", npy(header("'=f4'", 'False', '()'), 4), /malformed/],
    ['a type of nothing', npy(header("''", 'False', '()'), 4), /malformed/],
    ['records', npy(header("[('a', '<f4')]", 'False', '()'), 4), /records/],
    ['too little data', npy(header(f4, 'False', '(2,)'), 7), /bytes, not/],
    ['too much data', npy(header(f4, 'False', '(2,)'), 9), /bytes, not/],
    ['a size beyond all numbers', npy(header(f4, 'False', '(999999999999999, 999999999999999)'), 9), /bytes, not/],
    ['deep nesting', npy(header('('.repeat(5000), 'False', '()')), /no dictionary/],
  ])('%s', async (_, bytes, message) => {
    await expect(read(bytes)).rejects.toThrow(DataError)
    await expect(read(bytes)).rejects.toThrow(message)
    await expect(read(bytes)).rejects.toThrow(/^a\.npy: /)
  })

  test('an archive that holds something else', async () => {
    const bytes = zipBytes([{ name: 'a.txt', data: '' }])
    await expect(openNpz({ name: 'a.npz', bytes })).rejects.toThrow(/'a.txt' is no array/)
  })

  test('an array of text beside one of numbers only when it is read', async () => {
    const part = (name: string) => ({ name: `${name}.npy`, data: fixture('numpy', name) })
    await using file = await openNpz({ name: 'a.npz', bytes: zipBytes([part('text'), part('scalar')]) })
    expect((await file.read('scalar')).data).toEqual(Float64Array.of(7.5))
    expect(() => file.header('text')).toThrow(NotSupportedDataError)
    await expect(file.read('text')).rejects.toThrow(/a\.npz: text\.npy: arrays of type '<U2'/)
  })

  test('a file that changes while it is open', async () => {
    const path = join(await temporaryFolder(), 'a.npz')
    await writeFile(path, fixture('numpy', 'npz'))
    await using file = await openNpz(path)
    await writeFile(path, fixture('numpy', 'npz').fill(0))
    await expect(file.read('a')).rejects.toThrow(DataError)
  })
})

test.each<[string, unknown]>([
  ['{"a": (1, [True, None,],), }', new Map([['a', new PythonTuple([1, [true, null]])]])],
  [" ' a ' ", ' a '],
  ['(1,)', new PythonTuple([1])],
  ['()', new PythonTuple([])],
  ['-3', -3],
  ['(,)', undefined],
  ['{,}', undefined],
  ['{"a" 1}', undefined],
  ['{1: 2}', undefined],
  ['[1 2]', undefined],
  ["'a", undefined],
  ['1.5', undefined],
  ['Truer', undefined],
  ['99999999999999999', undefined],
  ['', undefined],
])('the literal %s', (text, expected) => {
  expect(parsePythonLiteral(text)).toEqual(expected)
})
