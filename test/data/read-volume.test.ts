import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { ByteSource } from '../../src/data/byte-source.js'
import { DataError } from '../../src/data/errors.js'
import { locateNifti } from '../../src/data/nifti.js'
import { readVolume, readVolumeInfo } from '../../src/data/read-volume.js'
import { volumeBytes } from '../../src/data/stored-voxels.js'
import { readVoxels } from '../../src/data/volume-file.js'
import { writeVolume } from '../../src/data/write-volume.js'
import { countingVolume, temporaryFolder, voxelList } from './helpers.js'
import { arrayBytes, niftiBytes } from './nifti-bytes.js'
import { metaImageBytes, nrrdBytes } from './text-images.js'

const nifti = niftiBytes({ data: arrayBytes(Int16Array.from({ length: 24 }, (_, n) => n)) })

describe('the content tells the format, whatever the name', () => {
  test.each<[string, Uint8Array]>([
    ['nifti', nifti],
    ['nifti', new Uint8Array(gzipSync(nifti))],
    ['nifti', niftiBytes({ littleEndian: false })],
    ['nifti', niftiBytes({ version: 2 })],
    ['nrrd', nrrdBytes()],
    ['metaimage', metaImageBytes()],
  ])('%s', async (format, bytes) => {
    const path = join(await temporaryFolder(), 'scan.xyz')
    await writeFile(path, bytes)
    for (const input of [path, { name: path, bytes }]) {
      expect((await readVolume(input)).shape).toEqual([2, 3, 4])
      expect(await readVolumeInfo(input)).toMatchObject({ format, path, shape: [2, 3, 4], volumes: 1 })
    }
  })

  test.each<[string, Uint8Array | string]>([
    ['nothing', ''],
    ['text', 'a letter about a scan'],
    ['a gzipped text', new Uint8Array(gzipSync('a letter about a scan'))],
    ['a gzip header alone', Uint8Array.of(0x1f, 0x8b)],
  ])('%s is refused', async (_, content) => {
    const path = join(await temporaryFolder(), 'scan.nii.gz')
    await writeFile(path, content)
    await expect(readVolume(path)).rejects.toThrow(DataError)
    await expect(readVolumeInfo(path)).rejects.toThrow(/scan\.nii\.gz: /)
  })

  test('what is no file is refused', async () => {
    const folder = await temporaryFolder()
    for (const path of [join(folder, 'none.nii'), '/dev/zero'])
      await expect(readVolume(path)).rejects.toThrow(DataError)
  })
})

test('info of a gigabyte reads its header only', async () => {
  const path = join(await temporaryFolder(), 'large.nii')
  const header = niftiBytes({ dims: [3, 1024, 1024, 512], data: new Uint8Array(0) })
  const file = await open(path, 'w')
  await file.write(header)
  // A hole: the file system stores nothing for it.
  await file.truncate(352 + 2 ** 30)
  await file.close()
  const before = process.memoryUsage().arrayBuffers
  expect(await readVolumeInfo(path)).toMatchObject({
    shape: [1024, 1024, 512],
    orientation: 'RAS',
    storedDtype: 'int16',
  })
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 20)
})

/** A source that writes down what is read of it. */
function watched(bytes: Uint8Array): { source: ByteSource; reads: [number, number][] } {
  const reads: [number, number][] = []
  const source: ByteSource = {
    name: 'x.nii',
    size: bytes.length,
    async read(start, target) {
      reads.push([start, target.length])
      target.set(bytes.subarray(start, start + target.length))
    },
    async [Symbol.asyncDispose]() {},
  }
  return { source, reads }
}

test('of several volumes only the wanted one is read', async () => {
  const bytes = niftiBytes({
    dims: [4, 32, 32, 16, 20],
    data: arrayBytes(Int16Array.from({ length: 32 * 32 * 16 * 20 }, (_, n) => n >> 14)),
  })
  const { source, reads } = watched(bytes)
  const located = await locateNifti(source)
  const volume = await readVoxels(source, located, 7)
  expect(new Set(volume.data)).toEqual(new Set([7]))
  const { start, length } = volumeBytes(located.header, 7)
  expect(reads.at(-1)).toEqual([352 + start, length])
  expect(reads.reduce((sum, [, count]) => sum + count, 0)).toBeLessThan(length + 2 ** 15)

  const packed = watched(new Uint8Array(gzipSync(bytes)))
  const unpacked = await readVoxels(packed.source, await locateNifti(packed.source), 7)
  expect(unpacked.data).toEqual(volume.data)
  expect(unpacked.data.buffer.byteLength).toBe(length)
})

describe('writeVolume', () => {
  test.each(['a.nii', 'a.nii.gz', 'a.NRRD', 'a.mha'])('%s comes back the same', async (name) => {
    const path = join(await temporaryFolder(), name)
    // Several megabytes, so that it is written in several pieces.
    const volume = countingVolume([128, 130, 140], [0, 0, 2, -9, 1.5, 0, 0, 8, 0, -0.5, 0, 7, 0, 0, 0, 1])
    await writeVolume(path, volume)
    const back = await readVolume(path)
    expect(back.affine).toEqual(volume.affine)
    expect(voxelList(back).every((value, n) => value === volume.data[n])).toBe(true)
  })

  test('refuses names without a format', async () => {
    await expect(writeVolume('a.png', countingVolume([1, 1, 1]))).rejects.toThrow(/a\.png.*\.nii/)
  })
})
