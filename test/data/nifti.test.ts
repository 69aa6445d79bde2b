import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import type { Triple } from '../../src/data/geometry.js'
import { parseNifti, readNifti } from '../../src/data/nifti.js'
import { writeNifti } from '../../src/data/nifti-write.js'
import { axisCodes, reorient } from '../../src/data/orientation.js'
import { contiguous, type Volume, validateVolume } from '../../src/data/volume.js'
import { type VoxelType, voxelType } from '../../src/data/voxels.js'
import { affines, countingVolume, damaged, succeedsOrRefuses, temporaryFolder, voxelList } from './helpers.js'
import { arrayBytes, type NiftiFields, niftiBytes } from './nifti-bytes.js'

const gzipped = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes))

describe('stored types', () => {
  const count = [1, 2, 3]
  test.each<[string, number, ArrayBufferView & { BYTES_PER_ELEMENT: number }, VoxelType]>([
    ['uint8', 2, Uint8Array.from(count), 'uint8'],
    ['int8', 256, Int8Array.from(count), 'int8'],
    ['int16', 4, Int16Array.from(count), 'int16'],
    ['uint16', 512, Uint16Array.from(count), 'uint16'],
    ['int32', 8, Int32Array.from(count), 'int32'],
    ['uint32', 768, Uint32Array.from(count), 'uint32'],
    ['float32', 16, Float32Array.from(count), 'float32'],
    ['float64', 64, Float64Array.from(count), 'float64'],
    ['int64', 1024, BigInt64Array.from([1n, 2n, 3n]), 'int32'],
    ['uint64', 1280, BigUint64Array.from([1n, 2n, 3n]), 'int32'],
  ])('%s in both byte orders and versions, aligned or not', (stored, datatype, array, type) => {
    for (const littleEndian of [true, false]) {
      for (const version of [1, 2] as const) {
        for (const shift of [0, 1]) {
          const data = arrayBytes(array, littleEndian)
          const file = niftiBytes({ version, littleEndian, datatype, dims: [3, 3, 1, 1], data })
          const bytes = new Uint8Array(file.length + shift).subarray(shift)
          bytes.set(file)
          const before = Uint8Array.from(bytes)
          const volume = parseNifti(bytes, 'x')
          expect([voxelType(volume.data), voxelList(volume)]).toEqual([type, count])
          expect(volume.source).toMatchObject({ storedDtype: stored, bigEndian: !littleEndian, version })
          expect(bytes).toEqual(before)
        }
      }
    }
  })

  test('64-bit integers beyond int32 become float64', () => {
    const data = arrayBytes(BigInt64Array.from([-(2n ** 40n), 2n ** 31n, 7n]))
    const volume = parseNifti(niftiBytes({ datatype: 1024, dims: [3, 3, 1, 1], data }), 'x')
    expect(volume.data).toEqual(Float64Array.of(-(2 ** 40), 2 ** 31, 7))
  })

  test.each([
    [1, /binary/],
    [32, /complex64/],
    [128, /RGB24/],
    [1536, /float128/],
    [1792, /complex128/],
    [2304, /RGBA32/],
    [77, /unknown datatype code 77/],
  ])('refuses datatype %d by name', (datatype, message) => {
    expect(() => parseNifti(niftiBytes({ datatype }), 'scan.nii')).toThrow(message)
  })
})

describe('scaling', () => {
  const read = (fields: NiftiFields, stored: number[] = [-5, 0, 1000]) =>
    parseNifti(niftiBytes({ dims: [3, 3, 1, 1], data: arrayBytes(Int16Array.from(stored)), ...fields }), 'x')

  test.each<[string, NiftiFields, VoxelType, number[]]>([
    ['none for slope 0', { slope: 0, intercept: 5 }, 'int16', [-5, 0, 1000]],
    ['none for a slope that is not finite', { slope: Number.NaN, intercept: 5 }, 'int16', [-5, 0, 1000]],
    [
      'only the slope when the intercept is not finite',
      { slope: 2, intercept: Number.POSITIVE_INFINITY },
      'float32',
      [-10, 0, 2000],
    ],
    ['int16 kept with a whole intercept', { slope: 1, intercept: -1024 }, 'int16', [-1029, -1024, -24]],
    ['int32 when int16 overflows', { slope: 1, intercept: 32000 }, 'int32', [31995, 32000, 33000]],
    ['float32 for a fraction', { slope: 1, intercept: 0.5 }, 'float32', [-4.5, 0.5, 1000.5]],
    ['float32 for another slope', { slope: 2, intercept: 1 }, 'float32', [-9, 1, 2001]],
    ['float32 when even int32 overflows', { slope: 1, intercept: 2 ** 40 }, 'float32', [2 ** 40, 2 ** 40, 2 ** 40]],
  ])('%s', (_, fields, type, values) => {
    const volume = read(fields)
    expect([voxelType(volume.data), voxelList(volume)]).toEqual([type, values])
    expect(volume.source?.storedDtype).toBe('int16')
  })
})

describe('geometry', () => {
  // Adding 0 turns -0 into 0.
  const affineOf = (fields: NiftiFields) => parseNifti(niftiBytes(fields), 'x').affine.map((value) => value + 0)

  test('sform before qform before voxel sizes', () => {
    const pixdims = [-1, 2, 3, 4, 1, 1, 1, 1]
    const srows = [5, 0, 0, 1, 0, 6, 0, 2, 0, 0, 7, 3]
    expect(affineOf({ sformCode: 1, qformCode: 2, srows, pixdims })).toEqual([...srows, 0, 0, 0, 1])
    expect(affineOf({ sformCode: 0, qformCode: 1, pixdims, quaternionOffset: [1, 2, 3] })).toEqual([
      ...[2, 0, 0, 1, 0, 3, 0, 2, 0, 0, -4, 3, 0, 0, 0, 1],
    ])
    expect(affineOf({ sformCode: 0, qformCode: 0, pixdims })).toEqual([
      ...[-2, 0, 0, 1, 0, 3, 0, -3, 0, 0, 4, -6, 0, 0, 0, 1],
    ])
  })

  test('unknown codes count as none, voxel sizes lose their sign, 0 becomes 1', () => {
    const pixdims = [1, -2, 0, 4, 1, 1, 1, 1]
    const [x, , , , , y, , , , , z] = affineOf({ sformCode: 9, qformCode: -1, pixdims })
    expect([x, y, z]).toEqual([-2, 1, 4])
  })

  test('converts metres and micrometres', () => {
    const srows = [1, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 0]
    expect(affineOf({ units: 1, srows }).slice(0, 4)).toEqual([1000, 0, 0, 2000])
    expect(affineOf({ units: 3 | 8, srows })[0]).toBeCloseTo(0.001, 12)
    expect(affineOf({ units: 0, srows })[0]).toBe(1)
  })

  test('fewer than three axes', () => {
    const volume = parseNifti(niftiBytes({ dims: [2, 6, 4], pixdims: [1, 2, 2, 0, 0, 0, 0, 0], sformCode: 0 }), 'x')
    expect([volume.shape, volume.source?.storedShape]).toEqual([
      [6, 4, 1],
      [6, 4],
    ])
  })
})

describe('several volumes', () => {
  const data = arrayBytes(Int16Array.from({ length: 12 }, (_, n) => n))
  const bytes = niftiBytes({ dims: [4, 2, 1, 2, 3], data })

  test('need an index', () => {
    expect(() => parseNifti(bytes, 'fmri.nii')).toThrow(/fmri\.nii.*3 volumes.*index, 0 to 2/)
    expect(voxelList(parseNifti(bytes, 'x', { index: 1 }))).toEqual([4, 6, 5, 7])
  })

  test.each([-1, 3, 0.5, Number.NaN])('have no index %d', (index) => {
    expect(() => parseNifti(bytes, 'x', { index })).toThrow(DataError)
  })

  test('that are one need none', () => {
    expect(parseNifti(niftiBytes({ dims: [5, 2, 3, 4, 1, 1] }), 'x').shape).toEqual([2, 3, 4])
  })
})

describe('refuses', () => {
  test.each<[string, NiftiFields, RegExp]>([
    ['no axes', { dims: [0, 2, 3, 4] }, /number of axes is 0/],
    ['eight axes', { dims: [8, 1, 1, 1, 1, 1, 1, 1] }, /number of axes is 8/],
    ['an axis without voxels', { dims: [3, 2, 0, 4] }, /axis 1 has a length of 0/],
    ['a negative axis', { dims: [3, 2, 3, -4] }, /axis 2 has a length of -4/],
    ['more voxels than bytes', { dims: [3, 20000, 20000, 20000] }, /needs 16000000000000 bytes/],
    ['sizes beyond numbers', { version: 2, dims: [3, 2 ** 40, 2 ** 40, 2 ** 40] }, /beyond any file/],
    ['voxels inside the header', { voxelOffset: 0 }, /start at byte 0/],
    ['voxels behind the file', { voxelOffset: 1e6 }, /only 0 are there/],
    ['voxels at NaN', { voxelOffset: Number.NaN }, /byte NaN/],
    ['another magic', { magic: 'abc\0' }, /magic/],
    ['half of a pair', { magic: 'ni1\0' }, /pair/],
    ['NaN in the sform', { srows: [Number.NaN, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] }, /not finite/],
    ['a flat sform', { srows: [1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0] }, /singular/],
    ['NaN voxel sizes', { sformCode: 0, pixdims: [1, Number.NaN, 1, 1, 1, 1, 1, 1] }, /not finite/],
    ['a long quaternion', { sformCode: 0, qformCode: 1, quaternion: [1, 1, 0] }, /quaternion/],
    ['a NaN quaternion', { sformCode: 0, qformCode: 1, quaternion: [Number.NaN, 0, 0] }, /quaternion/],
  ])('%s, gzipped or not', (_, fields, message) => {
    const bytes = niftiBytes(fields)
    for (const file of [bytes, gzipped(bytes)]) {
      // Compressed, the claim is refused either because it cannot fit or because it is not there.
      const expected = file === bytes ? message : new RegExp(`${message.source}|compressed bytes can hold|only`)
      expect(() => parseNifti(file, 'scan.nii')).toThrow(DataError)
      expect(() => parseNifti(file, 'scan.nii')).toThrow(expected)
      expect(() => parseNifti(file, 'scan.nii')).toThrow(/^scan\.nii: /)
    }
  })

  test('a small gzip file that unpacks without end', () => {
    const unpacked = new Uint8Array(2 ** 25)
    unpacked.set(niftiBytes())
    const bytes = gzipped(unpacked)
    expect(() => parseNifti(bytes, 'bomb.nii.gz')).toThrow(DataError)
  })

  test('missing files and folders', async () => {
    const folder = await temporaryFolder()
    await expect(readNifti(join(folder, 'none.nii'))).rejects.toThrow(DataError)
    await expect(readNifti(folder)).rejects.toThrow(DataError)
  })
})

describe('pairs', () => {
  const header = niftiBytes({ magic: 'ni1\0', dims: [3, 1, 1, 2], voxelOffset: 0, data: new Uint8Array(0) })
  const image = arrayBytes(Int16Array.of(3, 4))

  test.each(['', '.gz'])('by either name, with suffix "%s"', async (suffix) => {
    const folder = await temporaryFolder()
    const pack = suffix === '' ? (bytes: Uint8Array) => bytes : gzipped
    await writeFile(join(folder, `a.hdr${suffix}`), pack(header))
    await writeFile(join(folder, `a.img${suffix}`), pack(image))
    for (const name of ['a.hdr', 'a.img']) {
      expect(voxelList(await readNifti(join(folder, name + suffix)))).toEqual([3, 4])
    }
  })

  test('without the other half', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'a.hdr'), header)
    await expect(readNifti(join(folder, 'a.hdr'))).rejects.toThrow(/a\.img/)
  })
})

describe('writeNifti', () => {
  const voxelTypes: VoxelType[] = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'float32', 'float64']

  test.each(voxelTypes)('%s comes back the same', async (type) => {
    const folder = await temporaryFolder()
    const affine = [-0.7, 0, 0, 100, 0, -0.7, 0, 90, 0, 0, 1.25, -300, 0, 0, 0, 1]
    const volume = contiguous(countingVolume([3, 4, 5], affine), type)
    for (const name of ['a.nii', 'a.nii.gz']) {
      const path = join(folder, name)
      await writeNifti(path, reorient(volume, 'SAR'))
      const back = reorient(await readNifti(path), axisCodes(affine))
      expect(voxelType(back.data)).toBe(type)
      expect(voxelList(back)).toEqual(voxelList(volume))
      for (const [n, value] of back.affine.entries()) expect(value).toBeCloseTo(affine[n]!, 4)
    }
    expect(await readdir(folder)).toHaveLength(2)
  })

  test('sform and quaternion agree, whatever the rotation', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'a.nii')
    await fc.assert(
      fc.asyncProperty(affines, async (affine) => {
        await writeNifti(path, countingVolume([2, 2, 2], affine))
        const bytes = new Uint8Array(await readFile(path))
        const bySform = parseNifti(bytes, 'sform')
        expect(bySform.source?.qformCode).toBe(1)
        new DataView(bytes.buffer).setInt16(254, 0, true)
        const byQform = parseNifti(bytes, 'qform')
        for (const [n, value] of byQform.affine.entries()) {
          // Near half turns the fourth number of the quaternion is the root of a float32 rounding error: 5e-4 radians.
          expect(Math.abs(value - bySform.affine[n]!)).toBeLessThan(6 * 1e-3)
        }
      }),
      { numRuns: 50 },
    )
  })

  test("keeps the frames of the source's header", async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'a.nii')
    for (const fields of [
      { sformCode: 4, qformCode: 2, units: 3 | 16, slope: 1 },
      { sformCode: 0, qformCode: 3, units: 0 },
      { sformCode: 2, qformCode: 0, units: 2 },
    ] satisfies NiftiFields[]) {
      const bytes = niftiBytes({
        ...fields,
        srows: [2, 0, 0, 5, 0, 2, 0, 6, 0, 0, 2, 7],
        pixdims: [1, 2, 2, 2, 1, 1, 1, 1],
      })
      bytes.set(new TextEncoder().encode('a scan'), 148)
      const volume = parseNifti(bytes, 'x')
      await writeNifti(path, volume)
      const back = await readNifti(path)
      expect(back.source).toEqual({ ...volume.source, path })
      for (const [n, value] of back.affine.entries()) expect(value).toBeCloseTo(volume.affine[n]!, 6)
    }
    // Without any code the place of the volume would follow from its size.
    await writeNifti(path, parseNifti(niftiBytes({ sformCode: 0 }), 'x'))
    expect((await readNifti(path)).source).toMatchObject({ sformCode: 1, qformCode: 0 })
  })

  test('a sheared affine has no quaternion', async () => {
    const path = join(await temporaryFolder(), 'a.nii')
    await writeNifti(path, countingVolume([2, 2, 2], [1, 0.5, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]))
    expect((await readNifti(path)).source).toMatchObject({ sformCode: 1, qformCode: 0 })
  })

  test('refuses what the format cannot hold, and says where it cannot write', async () => {
    const folder = await temporaryFolder()
    const long: Triple = [1, 1, 40000]
    await expect(writeNifti(join(folder, 'a.nii'), countingVolume(long))).rejects.toThrow(/40000/)
    await expect(writeNifti(join(folder, 'no/a.nii'), countingVolume([1, 1, 1]))).rejects.toThrow(DataError)
    expect(await readdir(folder)).toEqual([])
  })
})

describe('damaged files are read or refused, never anything else', () => {
  const plain = niftiBytes({ data: new Uint8Array(48), sformCode: 1, qformCode: 1, slope: 1 })
  const readOrRefuse = (bytes: Uint8Array) =>
    succeedsOrRefuses(() => {
      const volume: Volume = parseNifti(bytes, 'x')
      validateVolume(volume)
    })

  test.each([
    ['NIfTI-1', plain],
    ['NIfTI-2', niftiBytes({ version: 2 })],
    ['with extensions', niftiBytes({ voxelOffset: 400 }).fill(1, 348, 349)],
    ['gzip', gzipped(plain)],
  ])('%s', async (_, bytes) => {
    await fc.assert(
      fc.asyncProperty(damaged(bytes), async (copy) => void (await readOrRefuse(copy))),
      { numRuns: 600 },
    )
  })

  test('every truncation is refused', async () => {
    for (const bytes of [plain, gzipped(plain)]) {
      for (let length = 0; length < bytes.length; length++) {
        expect(await readOrRefuse(bytes.slice(0, length))).toBe(false)
      }
    }
  })
})
