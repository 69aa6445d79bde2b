import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError, NotSupportedDataError } from '../../../src/data/errors.js'
import { UnsafePickleError } from '../../../src/data/pickle/errors.js'
import { toFloat64 } from '../../../src/data/safetensors-dtypes.js'
import { openTorchCheckpoint } from '../../../src/data/torch/checkpoint.js'
import { TorchRecord } from '../../../src/data/torch/contents.js'
import { temporaryFolder } from '../helpers.js'
import { fixture, joined } from './fixtures.js'
import { type Code, op, type StorageCode, tensorCode } from './pickle-bytes.js'
import { type ZipPart, zipBytes } from './zip-bytes.js'

const open = (bytes: Uint8Array, unknownClasses: 'refuse' | 'record' = 'refuse') =>
  openTorchCheckpoint({ name: 'a.pth', bytes }, { unknownClasses })

/** A checkpoint of one object and one storage '0'. */
function checkpoint(value: Code, storage: Uint8Array = new Uint8Array(), more: readonly ZipPart[] = []): Uint8Array {
  return zipBytes([
    { name: 'archive/data.pkl', data: op.pickle(value) },
    { name: 'archive/data/0', data: storage },
    ...more,
  ])
}

const floats = (count: number) => new Uint8Array(Float32Array.from({ length: count }, (_, n) => n).buffer)

async function valuesOf(bytes: Uint8Array, name: string): Promise<number[]> {
  await using file = await open(bytes)
  return [...toFloat64(await file.read(name))]
}

describe.each(['zip', 'deflated', 'legacy', 'legacy-protocol-4'])('a checkpoint of PyTorch, %s', (kind) => {
  test('gives tensors in C order, from a file', async () => {
    const path = join(await temporaryFolder(), 'weights.pth')
    await writeFile(path, fixture('torch', kind))
    await using file = await openTorchCheckpoint(path)
    expect(file.path).toBe(path)
    expect(file.names).toEqual(['grid', 'view', 'half'])
    expect(file.metadata).toEqual({})
    expect(file.header('view')).toEqual({ dtype: 'F32', shape: [3, 2, 2] })
    const { shape, data } = await file.read('view')
    expect(shape).toEqual([3, 2, 2])
    // arange(24).reshape(2, 3, 4).permute(2, 0, 1)[1:, :, ::2]
    expect([...data]).toEqual([1, 9, 13, 21, 2, 10, 14, 22, 3, 11, 15, 23])
    expect([...toFloat64(await file.read('half'))]).toEqual([0.5, -2])
    expect(file.entries.get('grid')!.storage).toBe(file.entries.get('view')!.storage)
    expect(file.entries.get('half')).toEqual({
      shape: [2],
      torchDtype: 'float16',
      storage: expect.any(String),
      unreadable: undefined,
    })
  })
})

test('checksums that the writer left out are not missed', async () => {
  expect(await valuesOf(fixture('torch', 'unchecked'), 'w')).toEqual([0, 1, 2, 3, 4])
})

test('a checkpoint that is one tensor has a name that is empty', async () => {
  expect(await valuesOf(fixture('torch', 'one'), '')).toEqual([0, 1, 2])
})

test('types that have no storage class of their own', async () => {
  await using file = await open(fixture('torch', 'untyped'))
  expect((await file.read('u16')).data).toEqual(Uint16Array.of(1, 65535))
  expect((await file.read('u32')).data).toEqual(Uint32Array.of(1, 2 ** 32 - 1))
  expect((await file.read('u64')).data).toEqual(BigUint64Array.of(1n, 2n ** 63n))
  expect(await file.read('f8')).toEqual({ dtype: 'F8_E4M3', shape: [2], data: Uint8Array.of(0x38, 0xb0) })
})

test('values beside the tensors are plain data', async () => {
  await using file = await open(fixture('torch', 'values'))
  expect(file.names).toEqual(['tagged'])
  expect(file.metadata).toEqual({
    args: new TorchRecord('argparse.Namespace', [], { lr: 0.1, sizes: [1, 2] }),
    numpy: [1.5, -3, true],
    array: new TorchRecord('numpy.ndarray', [], [1, [3], 'numpy.dtype(<i4)', false, expect.any(Uint8Array)]),
    size: [1, 2],
    device: 'cpu',
    dtype: 'torch.bfloat16',
    bytes: Uint8Array.of(0x61, 0x62, 0xff),
  })
})

test.each([
  ['complex', /tensor 'complex' is complex64/],
  ['sparse', /tensor 'sparse' is sparse/],
  ['quantized', /tensor 'quantized' is quantized/],
  ['meta', /tensor 'meta' lies on the meta device/],
  ['negated', /tensor 'negated' is a negated view/],
])('%s tensors are listed, and refused by name when they are read', async (name, message) => {
  await using file = await open(fixture('torch', 'odd'))
  expect([...toFloat64(await file.read('plain'))]).toEqual([0, 1, 2])
  expect(file.names).toContain(name)
  expect(() => file.header(name)).toThrow(NotSupportedDataError)
  await expect(file.read(name)).rejects.toThrow(message)
})

describe('classes that are not on the list', () => {
  test('are refused by name', async () => {
    await expect(open(fixture('torch', 'module'))).rejects.toThrow(UnsafePickleError)
    await expect(open(fixture('torch', 'module'))).rejects.toThrow(/torch\.nn\.modules\.linear\.Linear/)
  })

  test('become records where the caller asks for that', async () => {
    await using file = await open(fixture('torch', 'module'), 'record')
    expect(file.names).toEqual(['_parameters.weight', '_parameters.bias'])
    expect(file.metadata).toMatchObject({ className: 'torch.nn.modules.linear.Linear', state: { in_features: 2 } })
  })

  test('are not called even then', async () => {
    const call = op.call(op.global('posix', 'system'), op.text('true'))
    await expect(open(checkpoint(call), 'record')).rejects.toThrow(/posix\.system is called/)
  })

  test('keep the items of their lists and dictionaries', async () => {
    const made = (name: string) => joined(op.global('a', name), ')', [0x81])
    const value = op.dict({
      list: joined(made('List'), '(K', [1], 'K', [2], 'e'),
      dict: joined(made('Dict'), op.text('k'), 'Ns'),
    })
    await using file = await open(checkpoint(value), 'record')
    expect(file.metadata).toEqual({
      list: new TorchRecord('a.List', [], [1, 2]),
      dict: new TorchRecord('a.Dict', [], { k: null }),
    })
  })
})

test('any strides give what indexing gives', async () => {
  const layout = fc.array(fc.tuple(fc.nat(3), fc.nat(7)), { maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(layout, fc.nat(5), fc.constantFrom(...stridedTypes), async (axes, offset, [type, of]) => {
      const shape = axes.map(([size]) => size)
      const strides = axes.map(([, stride]) => stride)
      const expected = indexAll(shape, strides).map((index) => index + offset)
      const stored = of(Math.max(0, ...expected) + 1)
      const code = tensorCode({ type, elements: stored.length }, { offset, shape, strides })
      expect(await valuesOf(checkpoint(code, new Uint8Array(stored.buffer)), '')).toEqual(expected)
    }),
    { numRuns: 150 },
  )
})

const counted = (length: number) => Array.from({ length }, (_, n) => n)

const stridedTypes = [
  ['ByteStorage', (length: number) => Uint8Array.from(counted(length))],
  ['ShortStorage', (length: number) => Int16Array.from(counted(length))],
  ['FloatStorage', (length: number) => Float32Array.from(counted(length))],
  ['DoubleStorage', (length: number) => Float64Array.from(counted(length))],
] as const

/** The position of every element, by the definition of strides. */
function indexAll(shape: readonly number[], strides: readonly number[]): number[] {
  return shape.reduce(
    (starts, size, axis) =>
      starts.flatMap((start) => Array.from({ length: size }, (_, n) => start + n * strides[axis]!)),
    [0],
  )
}

test('big-endian storages are turned around', async () => {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setFloat32(0, 1.5)
  view.setFloat32(4, -2)
  const code = tensorCode({ elements: 2 }, { shape: [2], strides: [1] })
  const order = (text: string) => [{ name: 'archive/byteorder', data: text }]
  expect(await valuesOf(checkpoint(code, bytes, order('big')), '')).toEqual([1.5, -2])
  await expect(open(checkpoint(code, bytes, order('middle')))).rejects.toThrow(/byte order 'middle'/)
})

test('parts of a storage, as PyTorch 0.3 wrote them', async () => {
  const id = (part: Code) =>
    op.tuple(op.text('storage'), op.global('torch', 'FloatStorage'), op.text('0'), op.text('cpu'), op.int(6), part)
  const part = joined(id(op.tuple(op.text('1'), op.int(2), op.int(4))), 'Q')
  const rebuild = op.global('torch._utils', '_rebuild_tensor')
  const code = op.call(rebuild, part, op.int(1), op.tuple(op.int(2)), op.tuple(op.int(1)))
  expect(await valuesOf(checkpoint(code, floats(6)), '')).toEqual([3, 4])
})

describe('refuses', () => {
  const plain: StorageCode = { elements: 4 }
  const sound = { shape: [4], strides: [1] }
  const withShape = (shape: number[], strides: number[], offset = 0) =>
    checkpoint(tensorCode(plain, { shape, strides, offset }), floats(4))
  const named = (type: string) => checkpoint(tensorCode({ ...plain, type }, sound), floats(4))

  test.each<[string, Uint8Array, RegExp]>([
    ['a tensor beyond its storage', withShape([5], [1]), /reaches to byte 20 of a storage of 16/],
    ['an offset beyond its storage', withShape([1], [1], 4), /reaches to byte 20/],
    ['strides beyond its storage', withShape([2, 2], [3, 1]), /reaches to byte 20/],
    ['a size beyond all numbers', withShape([2 ** 52, 2 ** 52], [1, 1]), /reaches to byte/],
    ['an expanded tensor that is a bomb', withShape([2 ** 50], [0]), /would grow from a storage of 16/],
    ['a bomb beyond all numbers', withShape(Array(40).fill(2 ** 52), Array(40).fill(0)), /would grow/],
    ['a negative size', withShape([-1], [1]), /the shape of a tensor is no list of counts/],
    ['more axes than there can be', withShape(Array(65).fill(1), Array(65).fill(1)), /no list of counts/],
    ['one stride for two axes', withShape([2, 2], [1]), /not one stride for each axis/],
    ['a missing storage', checkpoint(tensorCode({ ...plain, key: '1' }, sound)), /storage '1' is missing/],
    [
      'a storage of another length',
      checkpoint(tensorCode(plain, sound), floats(3)),
      /has 12 bytes, its tensors need 16/,
    ],
    ['a storage of another type', named('DoubleStorage'), /has 16 bytes, its tensors need 32/],
    ['an unknown storage class', named('FourStorage'), /torch\.FourStorage/],
    [
      'a storage that is two things',
      checkpoint(op.list(tensorCode(plain, sound), tensorCode({ ...plain, type: 'IntStorage' }, sound)), floats(4)),
      /described in two ways/,
    ],
    [
      'two tensors of one name',
      checkpoint(op.dict({ 'a.b': tensorCode(plain, sound), a: op.dict({ b: tensorCode(plain, sound) }) }), floats(4)),
      /two tensors have the name 'a\.b'/,
    ],
    ['no pickle', zipBytes([{ name: 'a/b', data: '' }]), /no PyTorch checkpoint.*It holds a\/b/],
    ['two pickles', checkpoint(op.none, floats(1), [{ name: 'b/data.pkl', data: '' }]), /has 2 data\.pkl/],
    ['a program', checkpoint(op.none, floats(1), [{ name: 'archive/constants.pkl', data: '' }]), /TorchScript/],
    ['another pickle', op.pickle(op.none), /no PyTorch checkpoint/],
    ['a tar archive', joined(new Uint8Array(257), 'ustar', new Uint8Array(300)), /PyTorch 0\.1/],
    ['an HDF5 file', joined([0x89], 'HDF'), /neither zip nor pickle/],
    ['an empty file', new Uint8Array(), /neither zip nor pickle/],
  ])('%s', async (_, bytes, message) => {
    await expect(open(bytes)).rejects.toThrow(DataError)
    await expect(open(bytes)).rejects.toThrow(message)
    await expect(open(bytes)).rejects.toThrow(/^a\.pth: /)
  })

  test('an unknown name, with some that exist', async () => {
    await using file = await open(fixture('torch', 'zip'))
    await expect(file.read('no')).rejects.toThrow(/no tensor 'no' among the 3. The first are: grid, view, half/)
  })

  test('a missing file and a folder', async () => {
    const folder = await temporaryFolder()
    await expect(openTorchCheckpoint(join(folder, 'none.pth'))).rejects.toThrow(DataError)
    await expect(openTorchCheckpoint(folder)).rejects.toThrow(/not a regular file/)
  })

  test('every truncation of the older kind', async () => {
    const bytes = fixture('torch', 'legacy')
    for (let length = 0; length < bytes.length; length++) {
      await expect(open(bytes.slice(0, length))).rejects.toThrow(DataError)
    }
  })

  test('older files that name code, lie about storages, or come from elsewhere', async () => {
    const bytes = fixture('torch', 'legacy')
    const replaced = (from: string, to: string) => {
      const at = Buffer.from(bytes).indexOf(from, 'latin1')
      expect(at).toBeGreaterThan(0)
      const copy = new Uint8Array(bytes)
      copy.set(Buffer.from(to, 'latin1'), at)
      return copy
    }
    await expect(open(replaced('OrderedDict', 'OrderlyDict'))).rejects.toThrow(/collections\.OrderlyDict/)
    await expect(open(replaced('HalfStorage', 'ByteStorage'))).rejects.toThrow(/2 bytes follow the last storage/)
    await expect(open(replaced('little_endianq\x02\x88', 'little_endianq\x02\x89'))).rejects.toThrow(/big-endian/)
  })
})

test('an empty tensor may begin anywhere', async () => {
  const code = tensorCode({ elements: 4 }, { offset: 100, shape: [0, 3], strides: [3, 1] })
  expect(await valuesOf(checkpoint(code, floats(4)), '')).toEqual([])
})

test('metadata keep the order and length of lists that also hold tensors', async () => {
  const tensor = tensorCode({ elements: 4 }, { shape: [4], strides: [1] })
  const value = op.dict({
    mixed: op.list(op.int(1), tensor, op.text('x')),
    tensors: op.list(tensor, tensor),
    empty: op.dict({}),
    nested: op.dict({ inner: op.dict({ w: tensor }) }),
  })
  await using file = await open(checkpoint(value, floats(4)))
  expect(file.names).toEqual(['mixed.1', 'tensors.0', 'tensors.1', 'nested.inner.w'])
  expect(file.metadata).toEqual({ mixed: [1, null, 'x'], empty: {} })
})
