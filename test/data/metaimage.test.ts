import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError, NotSupportedDataError } from '../../src/data/errors.js'
import { writeMetaImage } from '../../src/data/metaimage/write.js'
import { axisCodes, reorient } from '../../src/data/orientation.js'
import { type ReadVolumeOptions, readVolume } from '../../src/data/read-volume.js'
import { contiguous } from '../../src/data/volume.js'
import { type VoxelType, voxelType } from '../../src/data/voxels.js'
import { affines, countingVolume, temporaryFolder, voxelList } from './helpers.js'
import { arrayBytes } from './nifti-bytes.js'
import { counting, metaImageBytes, metaImageLines, withHeader } from './text-images.js'

const read = (bytes: Uint8Array, options?: ReadVolumeOptions) => readVolume({ name: 'a.mha', bytes }, options)

test('left-posterior-superior becomes RAS; runs of the matrix are directions of array axes', async () => {
  expect((await read(metaImageBytes())).affine).toEqual([-1, 0, 0, -10, 0, -2, 0, -20, 0, 0, 3, 30, 0, 0, 0, 1])
  // Axis 0 runs to posterior, axis 1 to superior, axis 2 to left.
  const turned = await read(metaImageBytes({ TransformMatrix: '0 1 0 0 0 1 1 0 0' }))
  expect(axisCodes(turned.affine)).toBe('PSL')
  expect(turned.affine).toEqual([0, 0, -3, -10, -1, 0, 0, -20, 0, 2, 0, 30, 0, 0, 0, 1])
})

test('what is left out has the defaults of the format', async () => {
  const volume = await read(
    metaImageBytes({ TransformMatrix: undefined, Offset: undefined, ElementSpacing: undefined }),
  )
  expect(volume.affine).toEqual([-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
})

test.each<[string, ArrayBufferView & { BYTES_PER_ELEMENT: number }, VoxelType]>([
  ['MET_CHAR', Int8Array.of(-1, 2), 'int8'],
  ['MET_UCHAR', Uint8Array.of(200, 2), 'uint8'],
  ['MET_SHORT', Int16Array.of(-300, 2), 'int16'],
  ['MET_USHORT', Uint16Array.of(60000, 2), 'uint16'],
  ['MET_INT', Int32Array.of(-70000, 2), 'int32'],
  ['MET_LONG', Int32Array.of(-70000, 2), 'int32'],
  ['MET_ULONG_LONG', BigUint64Array.of(7n, 2n), 'int32'],
  ['MET_FLOAT', Float32Array.of(0.5, 2), 'float32'],
  ['MET_DOUBLE', Float64Array.of(0.1, 2), 'float64'],
])('%s in both byte orders, plain and compressed', async (ElementType, array, expected) => {
  for (const msb of [false, true]) {
    const plain = arrayBytes(array, !msb)
    for (const data of [plain, deflateSync(plain), gzipSync(plain)]) {
      const volume = await read(
        metaImageBytes(
          {
            ElementType,
            BinaryDataByteOrderMSB: String(msb),
            CompressedData: String(data !== plain),
            DimSize: '2 1 1',
          },
          data,
        ),
      )
      expect([voxelType(volume.data), [...volume.data]]).toEqual([expected, [...(array as Int8Array)].map(Number)])
    }
  }
})

test('four axes are volumes', async () => {
  const bytes = metaImageBytes({
    NDims: '4',
    DimSize: '2 3 2 2',
    TransformMatrix: undefined,
    Offset: undefined,
    ElementSpacing: undefined,
  })
  await expect(read(bytes)).rejects.toThrow(/2 volumes/)
  expect((await read(bytes, { index: 1 })).data[0]).toBe(12)
})

test('a header of its own, with and without bytes to skip', async () => {
  const folder = await temporaryFolder()
  const path = join(folder, 'a.mhd')
  await writeFile(join(folder, 'a.raw'), Uint8Array.of(9, 9, ...counting()))
  for (const HeaderSize of ['2', '-1']) {
    await writeFile(path, withHeader(metaImageLines({ HeaderSize, ElementDataFile: 'a.raw' }), new Uint8Array(0)))
    expect((await readVolume(path)).data[1]).toBe(1)
  }
  for (const ElementDataFile of ['../a.raw', '/etc/passwd', 'LIST', 'a%03d.raw']) {
    await writeFile(path, withHeader(metaImageLines({ ElementDataFile }), new Uint8Array(0)))
    await expect(readVolume(path)).rejects.toThrow(DataError)
  }
})

test('a header in memory opens no file', async () => {
  await expect(read(metaImageBytes({ ElementDataFile: 'a.raw' }))).rejects.toThrow(/a\.mha: .*another file/)
})

test('fields that ITK writes for other formats are no problem', async () => {
  expect((await read(metaImageBytes({ 'dim[0]': '3', ITK_FileNotes: '' }))).shape).toEqual([2, 3, 4])
})

describe('refuses', () => {
  test.each<[string, Record<string, string | undefined>, RegExp]>([
    ['no DimSize', { DimSize: undefined }, /no field DimSize/],
    ['two axes', { NDims: '2', DimSize: '2 3' }, /three or four/],
    ['an empty axis', { DimSize: '2 0 4' }, /not lengths/],
    ['more voxels than bytes', { DimSize: '2 3 4000' }, /48000 bytes/],
    ['more than compressed bytes can hold', { DimSize: '2000 3000 4', CompressedData: 'True' }, /can hold/],
    ['damaged compressed data', { CompressedData: 'True' }, /damaged/],
    ['an unknown type', { ElementType: 'MET_BLOB' }, /MET_BLOB/],
    ['text', { BinaryData: 'False' }, /text/],
    ['colours', { ElementNumberOfChannels: '3' }, /3 channels/],
    ['a short matrix', { TransformMatrix: '1 0 0' }, /3 numbers instead of 9/],
    ['a flat grid', { TransformMatrix: '1 0 0 1 0 0 0 0 1' }, /singular/],
    ['a spacing of zero', { ElementSpacing: '1 0 1' }, /singular/],
    ['a mesh', { ObjectType: 'Mesh' }, /Mesh/],
  ])('%s', async (_, changes, message) => {
    await expect(read(metaImageBytes(changes))).rejects.toThrow(message)
    await expect(read(metaImageBytes(changes))).rejects.toThrow(DataError)
  })

  test('channels by name, as not supported', async () => {
    await expect(read(metaImageBytes({ ElementNumberOfChannels: '3' }))).rejects.toThrow(NotSupportedDataError)
  })
})

test('writeMetaImage comes back the same', async () => {
  const path = join(await temporaryFolder(), 'a.mha')
  const types: VoxelType[] = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'float32', 'float64']
  await fc.assert(
    fc.asyncProperty(affines, fc.constantFrom(...types), fc.boolean(), async (affine, type, compress) => {
      const volume = contiguous(countingVolume([3, 4, 5], affine), type)
      await writeMetaImage(path, reorient(volume, 'SAR'), { compress })
      const back = reorient(await readVolume(path), axisCodes(affine))
      expect(voxelType(back.data)).toBe(type)
      expect(voxelList(back)).toEqual(voxelList(volume))
      for (const [n, value] of back.affine.entries()) expect(value).toBeCloseTo(affine[n]!, 9)
    }),
    { numRuns: 30 },
  )
})
