import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../../src/data/errors.js'
import { writeNpy } from '../../../src/data/numpy/npy.js'
import { openNpz, writeNpz } from '../../../src/data/numpy/npz.js'
import { type SafetensorsTensor, toFloat32 } from '../../../src/data/safetensors-dtypes.js'
import { openSafetensors, writeSafetensors } from '../../../src/data/safetensors-file.js'
import { castTensor } from '../../../src/data/weights/cast.js'
import { convertWeights } from '../../../src/data/weights/convert.js'
import { openWeights } from '../../../src/data/weights/open.js'
import { temporaryFolder } from '../helpers.js'
import { fixture } from './fixtures.js'

const f32 = (...values: number[]): SafetensorsTensor => ({
  dtype: 'F32',
  shape: [values.length],
  data: Float32Array.from(values),
})

/** A file of this name in a folder of its own. */
async function saved(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), name)
  await writeFile(path, bytes)
  return path
}

/** A model in two files. */
async function sharded(weightMap: Record<string, unknown> = { a: '1.safetensors', b: '2.safetensors' }) {
  const folder = await temporaryFolder()
  await writeSafetensors(join(folder, '1.safetensors'), { a: f32(1) }, { format: 'pt', part: '1' })
  await writeSafetensors(join(folder, '2.safetensors'), { b: f32(2, 3) }, { format: 'pt', part: '2' })
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }))
  return folder
}

async function namesIn(path: string): Promise<readonly string[]> {
  await using source = await openWeights(path)
  return source.names
}

describe('openWeights', () => {
  test.each([
    ['torch', 'zip', 'torch', 'half', [0.5, -2]],
    ['torch', 'legacy', 'torch', 'half', [0.5, -2]],
    ['numpy', 'npz', 'npz', 'a', [0, 1, 2, 3, 4, 5]],
    ['safetensors', 'all', 'safetensors', 'brain', [0.5]],
  ])('tells %s %s by its contents, whatever its name', async (group, name, format, tensor, values) => {
    const path = await saved('weights.bin', fixture(group, name))
    await using source = await openWeights(path)
    expect(source).toMatchObject({ path, format })
    expect(source.names).toContain(tensor)
    expect([...(await source.readFloat32(tensor))]).toEqual(values)
    expect((await source.read(tensor)).shape).toEqual(source.header(tensor).shape)
  })

  test('takes an .npy as one tensor of the name of its file', async () => {
    const path = join(await temporaryFolder(), 'query_tokens.npy')
    await writeNpy(path, f32(1, 2))
    await using source = await openWeights(path)
    expect(source.names).toEqual(['query_tokens'])
    expect(source.header('query_tokens')).toEqual({ dtype: 'F32', shape: [2] })
    expect([...(await source.readFloat32('query_tokens'))]).toEqual([1, 2])
    expect(() => source.header('other')).toThrow(/only 'query_tokens'/)
  })

  test('takes a prefix from the names of a training checkpoint', async () => {
    const path = new URL('../../golden/cases/torch-checkpoints/checkpoint_7.pth', import.meta.url).pathname
    await using all = await openWeights(path)
    expect(all.otherValues).toEqual(['optimizer', 'config', 'scaler', 'epoch'])
    await using model = await openWeights(path, { prefix: 'model.' })
    expect(model.names).toHaveLength(367)
    expect(model.names.every((name) => all.names.includes(`model.${name}`))).toBe(true)
    expect(model.header('temp')).toEqual({ dtype: 'F32', shape: [] })
    expect(model.sharing.length).toBeGreaterThan(0)
    await expect(openWeights(path, { prefix: 'module.' })).rejects.toThrow(/no tensor is left/)
  })

  test.each([
    ['text', 'some text, long enough'],
    ['nothing', ''],
  ])('refuses %s', async (_, text) => {
    const path = await saved('a.safetensors', Buffer.from(text))
    await expect(openWeights(path)).rejects.toThrow(DataError)
    await expect(openWeights(path)).rejects.toThrow(/no file of weights/)
  })

  test('refuses what is not there', async () => {
    await expect(openWeights(join(await temporaryFolder(), 'none'))).rejects.toThrow(DataError)
  })

  test('takes what a folder holds, the usual names first', async () => {
    const folder = await temporaryFolder()
    await expect(openWeights(folder)).rejects.toThrow(/the folder has no weights/)
    await writeSafetensors(join(folder, 'one.safetensors'), { one: f32(1) })
    expect(await namesIn(folder)).toEqual(['one'])
    await writeSafetensors(join(folder, 'two.safetensors'), { two: f32(1) })
    await expect(openWeights(folder)).rejects.toThrow(
      /2 files of weights. Give one of one.safetensors, two.safetensors/,
    )
    await writeSafetensors(join(folder, 'model.safetensors'), { usual: f32(1) })
    expect(await namesIn(folder)).toEqual(['usual'])
  })
})

describe('sharded weights', () => {
  test('are one source', async () => {
    const folder = await sharded()
    for (const path of [folder, join(folder, 'model.safetensors.index.json')]) {
      await using source = await openWeights(path)
      expect(source.names).toEqual(['a', 'b'])
      expect(source.metadata).toEqual({ format: 'pt' })
      expect([...(await source.readFloat32('b'))]).toEqual([2, 3])
      expect(() => source.header('c')).toThrow(DataError)
    }
  })

  test.each<[string, Record<string, unknown>, RegExp]>([
    ['a missing file', { a: '1.safetensors', b: '3.safetensors' }, /3\.safetensors: cannot read/],
    ['a tensor in another file', { a: '2.safetensors', b: '2.safetensors' }, /'a' is missing from 2\.safetensors/],
    ['tensors that changed places', { a: '2.safetensors', b: '1.safetensors' }, /'b' is in 2|'a' is in 1/],
    ['a tensor that is not in the index', { a: '1.safetensors', c: '2.safetensors' }, /'b' of 2\.safetensors is not/],
    ['a tensor in no file', { a: '1.safetensors', b: '2.safetensors', c: '1.safetensors' }, /'c' is missing from 1/],
    ['a path out of the folder', { a: '../1.safetensors' }, /"\.\.\/1\.safetensors", which is no file name/],
    ['a path with backslashes', { a: '..\\1.safetensors' }, /no file name/],
    ['the folder itself', { a: '..' }, /no file name/],
    ['a number', { a: 1 }, /no file name/],
    ['the index itself', { a: 'model.safetensors.index.json' }, /no file of weights/],
    ['nothing', {}, /names no tensor/],
  ])('refuse %s', async (_, weightMap, message) => {
    const folder = await sharded(weightMap)
    await expect(openWeights(folder)).rejects.toThrow(DataError)
    await expect(openWeights(folder)).rejects.toThrow(message)
  })

  test.each([
    ['{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}', /names 'a' twice/],
    ['{"weight_map": []}', /no weight_map/],
    ['{"weight_map"', /not JSON/],
  ])('refuse the index %s', async (text, message) => {
    await expect(openWeights(await saved('model.index.json', Buffer.from(text)))).rejects.toThrow(message)
  })
})

describe('convertWeights', () => {
  test('a checkpoint to safetensors and on to .npz, with what is worth a warning', async () => {
    const input = await saved('in.pth', fixture('torch', 'zip'))
    const [first, second] = [`${input}.safetensors`, `${input}.npz`]
    const { tensors, bytes, warnings } = await convertWeights(input, first)
    expect(tensors).toEqual([
      { name: 'grid', dtype: 'F32', shape: [2, 3, 4] },
      { name: 'view', dtype: 'F32', shape: [3, 2, 2] },
      { name: 'half', dtype: 'F16', shape: [2] },
    ])
    expect(bytes).toBe(96 + 48 + 4)
    expect(warnings).toEqual(['grid, view shared memory and were written separately'])
    expect((await convertWeights(first, second)).warnings).toEqual([])
    await using source = await openWeights(input)
    await using converted = await openNpz(second)
    expect(new Set(converted.names)).toEqual(new Set(source.names))
    for (const name of source.names) expect(await converted.read(name)).toEqual(await source.read(name))
  })

  test('only some tensors, under other names, as another type', async () => {
    const input = join(await temporaryFolder(), 'in.npz')
    const tensors = new Map<string, SafetensorsTensor>([
      ['model.mlp.fc1.weight', f32(1, 0.1)],
      ['model.mlp.fc2.weight', f32(2)],
      ['model.ids', { dtype: 'I64', shape: [1], data: BigInt64Array.of(7n) }],
      ['model.queue', f32()],
      ['optimizer.step', f32(3)],
    ])
    await writeNpz(input, tensors, async (name) => tensors.get(name)!)
    const output = `${input}.SAFETENSORS`
    await convertWeights(input, output, {
      include: ['model.*'],
      exclude: ['*queue'],
      stripPrefix: 'model.',
      rename: [
        ['fc1', 'linear1'],
        ['fc2', 'linear2'],
      ],
      dtype: 'BF16',
    })
    await using file = await openSafetensors(output)
    expect([...file.names].sort()).toEqual(['ids', 'mlp.linear1.weight', 'mlp.linear2.weight'])
    expect(file.header('ids').dtype).toBe('I64')
    const cast = await file.read('mlp.linear1.weight')
    expect(cast.dtype).toBe('BF16')
    expect([...toFloat32(cast)]).toEqual([1, 0.10009765625])
  })

  test.each<[string, object, RegExp]>([
    ['nothing is left', { include: ['x*'] }, /no tensor is left. There are a\.b, a\.c/],
    ['a name lacks the prefix', { stripPrefix: 'a.b' }, /'a\.c' does not begin with 'a\.b'/],
    ['names fall together', { rename: [['b', 'c']] }, /'a\.b' and 'a\.c' would both be named 'a\.c'/],
    ['patterns that look like expressions', { include: ['a[.]b'] }, /no tensor is left/],
  ])('refuses when %s', async (_, options, message) => {
    const input = join(await temporaryFolder(), 'in.safetensors')
    await writeSafetensors(input, { 'a.b': f32(1), 'a.c': f32(2) })
    await expect(convertWeights(input, `${input}.npz`, options)).rejects.toThrow(message)
  })

  test('leaves no file behind when a tensor cannot be written', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'in.pth')
    await writeFile(path, fixture('torch', 'odd'))
    await expect(convertWeights(path, join(folder, 'out.safetensors'))).rejects.toThrow(/'complex' is complex64/)
    await expect(convertWeights(path, join(folder, 'out.pth'))).rejects.toThrow(
      /only .safetensors and .npz can be written/,
    )
    await convertWeights(path, join(folder, 'out.safetensors'), { include: ['plain'] })
    expect((await readdir(folder)).sort()).toEqual(['in.pth', 'out.safetensors'])
  })

  test('names the tensor that is damaged, not the file that is written', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'out'))
    const path = join(folder, 'in.pth')
    const bytes = fixture('torch', 'zip')
    // A bit of the first storage.
    bytes[Buffer.from(bytes).indexOf(Buffer.from(Float32Array.of(22, 23).buffer))]! ^= 1
    await writeFile(path, bytes)
    await expect(convertWeights(path, join(folder, 'out', 'o.npz'))).rejects.toThrow(/^[^:]*in\.pth: the checksum/)
    expect(await readdir(join(folder, 'out'))).toEqual([])
  })

  test('the same input gives the same bytes', async () => {
    const input = await saved('in.pth', fixture('torch', 'zip'))
    for (const out of ['a', 'b']) await convertWeights(input, `${input}.${out}.safetensors`)
    expect(await readFile(`${input}.a.safetensors`)).toEqual(await readFile(`${input}.b.safetensors`))
  })
})

describe('castTensor', () => {
  const doubles = (...values: number[]): SafetensorsTensor => ({
    dtype: 'F64',
    shape: [values.length],
    data: Float64Array.from(values),
  })

  test('rounds, and leaves integers and what fits alone', () => {
    expect(castTensor(f32(0.1), 'F16', 'a').data).toEqual(Uint16Array.of(0x2e66))
    expect(castTensor(doubles(0.1), 'F32', 'a').data).toEqual(Float32Array.of(0.1))
    const ids: SafetensorsTensor = { dtype: 'I32', shape: [1], data: Int32Array.of(1) }
    expect(castTensor(ids, 'F16', 'a')).toBe(ids)
    expect(castTensor(f32(1), 'F32', 'a').dtype).toBe('F32')
  })

  test('keeps infinities and NaN, and refuses to make them', () => {
    expect(castTensor(f32(Number.NaN, Number.POSITIVE_INFINITY), 'F16', 'a').data).toEqual(
      Uint16Array.of(0x7e00, 0x7c00),
    )
    expect(() => castTensor(f32(1, 70_000), 'F16', 'a')).toThrow(/tensor 'a': 70000 is too large for F16/)
    expect(() => castTensor(f32(3.4e38), 'BF16', 'a')).toThrow(DataError)
    expect(() => castTensor(doubles(1e39), 'F32', 'a')).toThrow(/too large for F32/)
  })
})
