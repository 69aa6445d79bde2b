import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError, NotSupportedDataError } from '../../src/data/errors.js'
import { writeNrrd } from '../../src/data/nrrd/write.js'
import { axisCodes, reorient } from '../../src/data/orientation.js'
import { type ReadVolumeOptions, readVolume } from '../../src/data/read-volume.js'
import { contiguous } from '../../src/data/volume.js'
import { type VoxelType, voxelType } from '../../src/data/voxels.js'
import { affines, countingVolume, temporaryFolder, voxelList } from './helpers.js'
import { arrayBytes } from './nifti-bytes.js'
import { counting, nrrdBytes, nrrdLines, withHeader } from './text-images.js'

const read = (bytes: Uint8Array, options?: ReadVolumeOptions) => readVolume({ name: 'a.nrrd', bytes }, options)

/** The values of `nrrdBytes` in C order: the file runs along its first axis. */
const inFileOrder = Array.from({ length: 24 }, (_, n) => {
  const [i, j, k] = [Math.floor(n / 12), Math.floor(n / 4) % 3, n % 4]
  return i + 2 * j + 6 * k
})

describe('frames', () => {
  test.each([
    ['left-posterior-superior', [-1, -2, -10, -20]],
    ['LPS', [-1, -2, -10, -20]],
    ['right-anterior-superior', [1, 2, 10, 20]],
    ['RAS', [1, 2, 10, 20]],
    ['left-anterior-superior', [-1, 2, -10, 20]],
  ])('%s becomes RAS', async (space, [x, y, originX, originY]) => {
    const volume = await read(nrrdBytes({ space }))
    expect(volume.affine).toEqual([x, 0, 0, originX, 0, y, 0, originY, 0, 0, 3, 30, 0, 0, 0, 1])
    expect(voxelList(volume)).toEqual(inFileOrder)
  })

  test('with time: the fourth axis holds volumes', async () => {
    const bytes = nrrdBytes(
      {
        space: 'left-posterior-superior-time',
        dimension: '4',
        sizes: '2 3 2 2',
        'space directions': '(1,0,0,0) (0,1,0,0) (0,0,1,0) (0,0,0,2.5)',
        'space origin': '(0,0,0,7)',
      },
      counting(),
    )
    await expect(read(bytes)).rejects.toThrow(/holds 2 volumes.*index/)
    expect((await read(bytes, { index: 1 })).data[0]).toBe(12)
  })

  test.each(['scanner-xyz', '3D-right-handed', undefined])('%s needs the word of the caller', async (space) => {
    const bytes = nrrdBytes({ space, ...(space === undefined ? { 'space dimension': '3' } : {}) })
    await expect(read(bytes)).rejects.toThrow(/a\.nrrd.*option space/)
    expect((await read(bytes, { space: 'RAS' })).affine[3]).toBe(10)
  })

  test('spacings without directions are those of the frame', async () => {
    const bytes = nrrdBytes({
      space: undefined,
      'space directions': undefined,
      'space origin': undefined,
      spacings: '2 3 4',
    })
    expect((await read(bytes, { space: 'LPS' })).affine).toEqual([-2, 0, 0, 0, 0, -3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1])
  })

  test('units other than millimetres are converted', async () => {
    expect((await read(nrrdBytes({ 'space units': '"um" "um" "um"' }))).affine[10]).toBeCloseTo(0.003, 12)
    await expect(read(nrrdBytes({ 'space units': '"mm" "mm" "cm"' }))).rejects.toThrow(/space units/)
  })
})

describe('voxels', () => {
  test.each<[string, ArrayBufferView & { BYTES_PER_ELEMENT: number }, VoxelType]>([
    ['signed char', Int8Array.of(-1, 2), 'int8'],
    ['uchar', Uint8Array.of(200, 2), 'uint8'],
    ['short', Int16Array.of(-300, 2), 'int16'],
    ['unsigned short', Uint16Array.of(60000, 2), 'uint16'],
    ['int', Int32Array.of(-70000, 2), 'int32'],
    ['uint', Uint32Array.of(4e9, 2), 'uint32'],
    ['long long', BigInt64Array.of(-7n, 2n), 'int32'],
    ['float', Float32Array.of(0.5, 2), 'float32'],
    ['double', Float64Array.of(0.1, 2), 'float64'],
  ])('%s in both byte orders and encodings', async (type, array, expected) => {
    for (const endian of ['little', 'big']) {
      for (const encoding of ['raw', 'gzip']) {
        const data = arrayBytes(array, endian === 'little')
        const volume = await read(nrrdBytes({ type, endian, encoding, sizes: '2 1 1' }, data))
        expect([voxelType(volume.data), [...volume.data]]).toEqual([expected, [...(array as Int8Array)].map(Number)])
      }
    }
  })

  test('components that come first interleave', async () => {
    const bytes = nrrdBytes({
      dimension: '4',
      sizes: '2 2 3 2',
      kinds: 'vector domain domain domain',
      'space directions': 'none (1,0,0) (0,1,0) (0,0,1)',
    })
    const volume = await read(bytes, { index: 1 })
    expect(volume.shape).toEqual([2, 3, 2])
    expect(voxelList(volume)).toEqual([1, 13, 5, 17, 9, 21, 3, 15, 7, 19, 11, 23])
  })

  test.each(['RGB-color', '3D-symmetric-matrix', 'complex'])('parts of kind %s are refused', async (kind) => {
    const bytes = nrrdBytes({
      dimension: '4',
      sizes: '2 2 3 2',
      kinds: `${kind} domain domain domain`,
      'space directions': 'none (1,0,0) (0,1,0) (0,0,1)',
    })
    await expect(read(bytes)).rejects.toThrow(NotSupportedDataError)
  })

  test('bytes and lines are skipped', async () => {
    const data = counting()
    const shifted = Uint8Array.of(9, 9, ...data)
    expect(voxelList(await read(nrrdBytes({ 'byte skip': '2' }, shifted)))).toEqual(inFileOrder)
    expect(voxelList(await read(nrrdBytes({ 'byte skip': '-1' }, shifted)))).toEqual(inFileOrder)
    expect(voxelList(await read(nrrdBytes({ 'byte skip': '2', encoding: 'gzip' }, shifted)))).toEqual(inFileOrder)
    const lines = withHeader(['one', 'two'], data)
    expect(voxelList(await read(nrrdBytes({ 'line skip': '2' }, lines)))).toEqual(inFileOrder)
  })

  test('a detached file beside the header, and none elsewhere', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'a.nhdr')
    for (const [encoding, bytes] of [
      ['raw', counting()],
      ['gzip', gzipSync(counting())],
    ] as const) {
      await writeFile(join(folder, 'a.data'), bytes)
      await writeFile(path, withHeader(nrrdLines({ encoding, 'data file': 'a.data' }), new Uint8Array(0)))
      expect(voxelList(await readVolume(path))).toEqual(inFileOrder)
    }
    for (const name of ['../a.data', '/etc/passwd', 'x/../../a.data']) {
      await writeFile(path, withHeader(nrrdLines({ 'data file': name }), new Uint8Array(0)))
      await expect(readVolume(path)).rejects.toThrow(/outside the folder/)
    }
    await writeFile(path, withHeader(nrrdLines({ 'data file': 'LIST' }), new Uint8Array(0)))
    await expect(readVolume(path)).rejects.toThrow(NotSupportedDataError)
  })
})

describe('refuses', () => {
  test.each<[string, Record<string, string | undefined>, RegExp]>([
    ['no sizes', { sizes: undefined }, /no field 'sizes'/],
    ['two sizes of three', { sizes: '2 3' }, /2 sizes/],
    ['an empty axis', { sizes: '2 0 4' }, /not lengths/],
    ['more voxels than bytes', { sizes: '2 3 4000' }, /48000 bytes/],
    ['sizes beyond numbers', { sizes: '3000000 3000000 3000000' }, /beyond any file/],
    ['no byte order', { endian: undefined }, /byte order/],
    ['text', { encoding: 'ascii' }, /encoding/],
    ['an unknown type', { type: 'block' }, /block/],
    ['a word for a number', { 'space origin': '(a,b,c)' }, /no number/],
    ['two axes in space', { 'space directions': '(1,0,0) (0,1,0) none' }, /2 of 3/],
    ['a flat grid', { 'space directions': '(1,0,0) (0,1,0) (1,1,0)' }, /singular/],
    ['no directions', { 'space directions': undefined }, /neither/],
    ['a negative line skip', { 'line skip': '-1' }, /line skip/],
  ])('%s', async (_, changes, message) => {
    await expect(read(nrrdBytes(changes))).rejects.toThrow(message)
    await expect(read(nrrdBytes(changes))).rejects.toThrow(DataError)
  })

  test('a header without end, and one with a field twice', async () => {
    await expect(read(withHeader(nrrdLines().slice(0, 4), new Uint8Array(0)))).rejects.toThrow(DataError)
    await expect(read(withHeader([...nrrdLines(), 'type: short', ''], counting()))).rejects.toThrow(/twice/)
  })
})

describe('writeNrrd', () => {
  test('comes back the same, geometry to the last digit', async () => {
    const path = join(await temporaryFolder(), 'a.nrrd')
    const types: VoxelType[] = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'float32', 'float64']
    await fc.assert(
      fc.asyncProperty(affines, fc.constantFrom(...types), fc.boolean(), async (affine, type, gzip) => {
        const volume = contiguous(countingVolume([3, 4, 5], affine), type)
        await writeNrrd(path, reorient(volume, 'SAR'), { gzip })
        const back = reorient(await readVolume(path), axisCodes(affine))
        expect(voxelType(back.data)).toBe(type)
        expect(voxelList(back)).toEqual(voxelList(volume))
        for (const [n, value] of back.affine.entries()) expect(value).toBeCloseTo(affine[n]!, 9)
      }),
      { numRuns: 30 },
    )
  })

  test('keeps content and key/value pairs', async () => {
    const path = join(await temporaryFolder(), 'a.nrrd')
    const lines = [...nrrdLines({ content: 'chest' }), 'key:=value: with colon', '']
    await writeNrrd(path, await read(withHeader(lines, counting())))
    expect((await readVolume(path)).source).toMatchObject({
      description: 'chest',
      keyValues: { key: 'value: with colon' },
    })
  })
})
