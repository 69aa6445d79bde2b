/**
 * Damaged volume files end in a volume or in a DataError, whatever the damage. The list of cases is endless and each is
 * told by its seed, so that a failure can be run again alone.
 */
import { deflateSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import { readVolume, readVolumeInfo } from '../../src/data/read-volume.js'
import { validateVolume } from '../../src/data/volume.js'
import { damagedFile, soundFiles } from './fuzz-cases.js'
import { niftiBytes } from './nifti-bytes.js'
import { metaImageBytes, nrrdBytes } from './text-images.js'

/** A few seconds. */
const cases = 10_000

/** Past what a damaged file of a few hundred bytes may make of itself; the format allows 1032 times. */
const MOST_VOXELS = 2 ** 22

async function readsOrRefuses(input: { name: string; bytes: Uint8Array }): Promise<void> {
  for (const read of [readVolume, readVolumeInfo]) {
    try {
      const result = await read(input)
      if ('data' in result) {
        validateVolume(result)
        if (result.data.length > MOST_VOXELS) throw new Error(`${result.data.length} voxels`)
      }
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      if (!error.message.startsWith(input.name)) throw new Error(`does not name its file: ${error.message}`)
    }
  }
}

describe('damaged files', () => {
  test('the sound ones are read', async () => {
    for (const file of soundFiles) {
      const options = file.name === 'f.nii' ? { index: 1 } : {}
      validateVolume(await readVolume(file, options))
    }
  })

  test(`${cases} seeds are read or refused, nothing else`, { timeout: 600_000 }, async () => {
    for (let seed = 0; seed < cases; seed++) {
      await readsOrRefuses(damagedFile(seed)).catch((cause) => {
        throw new Error(`seed ${seed}`, { cause })
      })
    }
  })

  test.each(soundFiles.map(({ name }) => name))('%s cut at every place of its header', async (name) => {
    const { bytes } = soundFiles.find((file) => file.name === name)!
    const step = name.endsWith('.zip') ? 13 : 3
    for (let length = 0; length < Math.min(bytes.length, 700); length += step) {
      await readsOrRefuses({ name, bytes: bytes.slice(0, length) })
    }
  })
})

describe('decompression bombs', () => {
  const zeros = new Uint8Array(2 ** 25)
  const bomb = (start: Uint8Array) => {
    const unpacked = new Uint8Array(zeros)
    unpacked.set(start)
    return unpacked
  }

  test.each<[string, Uint8Array]>([
    ['a.nii.gz', gzipSync(bomb(niftiBytes()))],
    ['a.nrrd', nrrdBytes({ encoding: 'gzip' }, zeros)],
    ['a.mha', metaImageBytes({ CompressedData: 'True' }, deflateSync(zeros))],
  ])('%s goes on beyond what its header promises', async (name, bytes) => {
    await expect(readVolume({ name, bytes })).rejects.toThrow(/go on beyond/)
  })

  test.each<[string, Uint8Array]>([
    ['a.nii.gz', gzipSync(niftiBytes({ dims: [3, 30000, 30000, 4] }))],
    ['a.nrrd', nrrdBytes({ encoding: 'gzip', sizes: '30000 30000 4' })],
    ['a.mha', metaImageBytes({ CompressedData: 'True', DimSize: '30000 30000 4' })],
  ])('%s promises more than deflate can hold', async (name, bytes) => {
    await expect(readVolume({ name, bytes })).rejects.toThrow(/can hold/)
  })
})
