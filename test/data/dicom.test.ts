import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, test, vi } from 'vitest'
import { load } from '../../src/data/dicom/decode-task.js'
import { type AcceptableDicomIssue, DicomIssueError } from '../../src/data/dicom/issues.js'
import { DataError, NotSupportedDataError } from '../../src/data/errors.js'
import { WorkerRunner } from '../../src/data/loader/runner.js'
import { axisCodes } from '../../src/data/orientation.js'
import { readVolume, readVolumeInfo } from '../../src/data/read-volume.js'
import { voxelAt } from '../../src/data/volume.js'
import {
  ctSlice,
  DEFLATED,
  type DicomItem,
  dicomBytes,
  EXPLICIT_BIG,
  EXPLICIT_LITTLE,
  IMPLICIT_LITTLE,
  zipBytes,
} from './dicom-bytes.js'
import { temporaryFolder } from './helpers.js'

/** As where it is not installed. */
vi.mock('@itk-wasm/dicom', () => {
  throw new Error('Cannot find package')
})

/** A folder of files in an order that is not that of the slices. */
async function folderOf(files: Uint8Array[]): Promise<string> {
  const folder = await temporaryFolder()
  for (const [n, bytes] of files.entries()) await writeFile(join(folder, `${(n * 7) % 10}-${n}`), bytes)
  return folder
}

const slices = (count: number, change: (n: number) => DicomItem = () => ({})) =>
  Array.from({ length: count }, (_, n) => ctSlice(n, change(n)))

const expectedAffine = [-0.5, 0, 0, 10, 0, -0.75, 0, 20, 0, 0, 2.5, 100, 0, 0, 0, 1]

const refusal = async (folder: string, options = {}) => {
  const error = await readVolume(folder, options).catch((caught) => caught)
  expect(error).toBeInstanceOf(DicomIssueError)
  expect(error.message).toContain(folder)
  return error as DicomIssueError
}

describe('a series', () => {
  test.each([EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED])('in transfer syntax %s', async (syntax) => {
    const folder = await folderOf([0, 1, 2, 3].map((n) => ctSlice(n, {}, syntax)))
    const volume = await readVolume(folder)
    expect([volume.shape, axisCodes(volume.affine), volume.data.constructor]).toEqual([[4, 3, 4], 'LPS', Int16Array])
    volume.affine.forEach((value, n) => {
      expect(value).toBeCloseTo(expectedAffine[n]!, 9)
    })
    expect(voxelAt(volume, 0, 0, 0)).toBe(-1024)
    expect(voxelAt(volume, 1, 2, 3)).toBe(300 + 9 - 1024)
    expect(volume.source).toMatchObject({ format: 'dicom', modality: 'CT', seriesInstanceUid: '1.2.3.4', accepted: [] })
    expect(await readVolumeInfo(folder)).toMatchObject({ format: 'dicom', shape: [4, 3, 4], storedDtype: 'uint16' })
  })

  test('in a zip archive, and among files that are none', async () => {
    const folder = await temporaryFolder()
    const files = Object.fromEntries(slices(3).map((bytes, n) => [`study/${9 - n}.dcm`, bytes]))
    const path = join(folder, 'study.zip')
    await writeFile(path, zipBytes({ ...files, 'study/readme.txt': Buffer.from('nothing') }, crc32))
    expect((await readVolume(path)).shape).toEqual([4, 3, 3])
    await writeFile(path, zipBytes({ 'readme.txt': Buffer.from('nothing') }, crc32))
    expect((await refusal(path)).issue).toBe('no-images')
  })

  test('a single slice takes its thickness from the file', async () => {
    const volume = await readVolume({ name: 'slice.dcm', bytes: ctSlice(2) })
    expect([volume.shape, volume.affine[10], volume.affine[11]]).toEqual([[4, 3, 1], 2.5, 105])
    const bytes = ctSlice(2, { '00180050': ['DS', ''] })
    await expect(readVolume({ name: 'slice.dcm', bytes })).rejects.toThrow(/no-geometry/)
  })

  test('oblique, from foot to head or the other way', async () => {
    const [c, s] = [Math.cos(0.3), Math.sin(0.3)]
    const oblique = (n: number): DicomItem => ({
      '00200037': ['DS', `1\\0\\0\\0\\${c.toFixed(8)}\\${s.toFixed(8)}`],
      // Instance numbers run against the places.
      '00200013': ['IS', String(9 - n)],
      '00200032': ['DS', `0\\${(-s * 2 * n).toFixed(6)}\\${(c * 2 * n).toFixed(6)}`],
    })
    const volume = await readVolume(await folderOf(slices(4, oblique)))
    const expected = [-0.5, 0, 0, 0, 0, -0.75 * c, s * 2, 0, 0, 0.75 * s, c * 2, 0, 0, 0, 0, 1]
    volume.affine.forEach((value, n) => {
      expect(value).toBeCloseTo(expected[n]!, 5)
    })
    expect(voxelAt(volume, 0, 0, 3)).toBe(300 - 1024)
  })

  test('bits above the high bit go, short negative numbers get their sign', async () => {
    const stored = Uint16Array.from({ length: 12 }, (_, n) => (n === 0 ? 0xf000 | 0x800 : n))
    const pixels: DicomItem = { '7fe00010': ['OW', new Uint8Array(stored.buffer)], '00281052': ['DS', '0'] }
    expect((await readVolume({ name: 'a', bytes: ctSlice(0, pixels) })).data[0]).toBe(0x800)
    const signed = ctSlice(0, { ...pixels, '00280103': ['US', 1] })
    expect((await readVolume({ name: 'a', bytes: signed })).data[0]).toBe(-0x800)
  })

  test('of one file with functional groups', async () => {
    const frame = (z: number): DicomItem => ({ '00209113': ['SQ', [{ '00200032': ['DS', `0\\0\\${z}`] }]] })
    const stored = Uint16Array.from({ length: 36 }, (_, n) => n)
    const enhanced = ctSlice(0, {
      '00280008': ['IS', '3'],
      '7fe00010': ['OW', new Uint8Array(stored.buffer)],
      '52009229': [
        'SQ',
        [
          {
            '00209116': ['SQ', [{ '00200037': ['DS', '1\\0\\0\\0\\1\\0'] }]],
            '00289110': ['SQ', [{ '00280030': ['DS', '2\\2'] }]],
            '00289145': ['SQ', [{ '00281052': ['DS', '-5'], '00281053': ['DS', '1'] }]],
          },
        ],
      ],
      '52009230': ['SQ', [frame(8), frame(0), frame(4)]],
    })
    const volume = await readVolume({ name: 'enhanced.dcm', bytes: enhanced })
    expect([volume.shape, volume.affine[0], volume.affine[10]]).toEqual([[4, 3, 3], -2, 4])
    expect([0, 1, 2].map((k) => voxelAt(volume, 0, 0, k))).toEqual([12 - 5, 24 - 5, -5])
  })
})

describe('is refused by name', () => {
  const position = (z: number, x = 0): DicomItem => ({ '00200032': ['DS', `${-10 + x}\\-20\\${z}`] })

  test.each<[AcceptableDicomIssue, () => Uint8Array[]]>([
    ['gap', () => slices(6).toSpliced(3, 1)],
    ['gap', () => slices(6, (n) => position(2.5 * n + (n === 4 ? 0.1 : 0)))],
    ['duplicate', () => [...slices(4), ctSlice(2)]],
    ['tilt', () => slices(4, (n) => position(2.5 * n, 0.5 * n))],
    ['mixed-rescale', () => slices(4, (n) => ({ '00281053': ['DS', n === 2 ? '2' : '1'] }))],
  ])('%s, and read when accepted', async (issue, files) => {
    const folder = await folderOf(files())
    const error = await refusal(folder)
    expect(error.issue).toBe(issue)
    expect(error.message).toContain(`accept: ['${issue}']`)
    const volume = await readVolume(folder, { accept: [issue] })
    expect(volume.source).toMatchObject({ accepted: [issue] })
  })

  test('positions rounded to a tenth of a millimetre make no gap', async () => {
    // An oblique head of a GE scanner: normal (0, -0.134, 0.991), 7 mm, positions with one decimal.
    const normal = [0, -0.134158, 0.99096]
    const oblique = (n: number): DicomItem => ({
      '00200037': ['DS', '1\\0\\0\\0\\0.99096\\0.134158'],
      '00200032': ['DS', normal.map((part) => (part * 7 * n + 0.03).toFixed(1)).join('\\')],
    })
    const volume = await readVolume(await folderOf(slices(20, oblique)))
    expect(volume.affine[10]).toBeCloseTo(7 * 0.991, 1)
  })

  test('a gap within the tolerance is none', async () => {
    const folder = await folderOf(slices(6, (n) => position(2.5 * n + (n === 4 ? 0.02 : 0))))
    expect((await readVolume(folder)).shape).toEqual([4, 3, 6])
  })

  test('accepted gaps are filled between their neighbours', async () => {
    const volume = await readVolume(await folderOf(slices(6).toSpliced(3, 1)), { accept: ['gap'] })
    expect(volume.shape).toEqual([4, 3, 6])
    expect([2, 3, 4].map((k) => voxelAt(volume, 1, 0, k))).toEqual([-823, -723, -623])
    expect(volume.affine[10]).toBeCloseTo(2.5, 9)
    expect(await readVolumeInfo(await folderOf(slices(6).toSpliced(3, 1)), { accept: ['gap'] })).toMatchObject({
      shape: [4, 3, 6],
    })
  })

  test('accepted tilt shears the affine, accepted scalings are applied slice by slice', async () => {
    const tilted = await readVolume(await folderOf(slices(4, (n) => position(2.5 * n, 0.5 * n))), {
      accept: ['tilt'],
    })
    expect(tilted.affine.slice(0, 4).map((value) => Math.round(value * 1e6) / 1e6)).toEqual([-0.5, 0, -0.5, 10])
    const files = slices(2, (n) => ({ '00281053': ['DS', n === 1 ? '2' : '1'] }))
    const scaled = await readVolume(await folderOf(files), { accept: ['mixed-rescale'] })
    expect([voxelAt(scaled, 1, 0, 0), voxelAt(scaled, 1, 0, 1)]).toEqual([1 - 1024, 2 * 101 - 1024])
  })

  test('several series, unless one is chosen', async () => {
    const other: DicomItem = { '0020000e': ['UI', '1.2.3.5'], '0008103e': ['LO', 'lung kernel'] }
    const folder = await folderOf([...slices(3), ...slices(4, () => other)])
    const error = await refusal(folder)
    expect(error.issue).toBe('several-series')
    expect(error.message).toContain("1.2.3.5 'lung kernel' (CT, 4 of 4 x 3)")
    expect((await readVolume(folder, { series: '1.2.3.5' })).shape).toEqual([4, 3, 4])
    expect((await refusal(folder, { series: '9.9' })).issue).toBe('no-images')
  })

  test('several orientations in one series, unless a part is chosen', async () => {
    const coronal: DicomItem = { '00200037': ['DS', '1\\0\\0\\0\\0\\-1'], '00200032': ['DS', '0\\5\\0'] }
    const folder = await folderOf([...slices(3), ctSlice(9, coronal)])
    expect((await refusal(folder, { series: '1.2.3.4' })).issue).toBe('several-series')
    expect((await readVolume(folder, { series: '1.2.3.4#2' })).source).toMatchObject({ format: 'dicom' })
  })

  test.each<[AcceptableDicomIssue, DicomItem]>([
    ['localizer', { '00080008': ['CS', 'ORIGINAL\\PRIMARY\\LOCALIZER'] }],
    ['secondary-capture', { '00080016': ['UI', '1.2.840.10008.5.1.4.1.1.7'] }],
  ])('%s, unless left out', async (issue, change) => {
    const folder = await folderOf([...slices(3), ctSlice(7, change)])
    expect((await refusal(folder)).issue).toBe('several-series')
    expect((await readVolume(folder, { accept: [issue] })).shape).toEqual([4, 3, 3])
    const alone = await folderOf([ctSlice(7, change)])
    for (const accept of [[], [issue]]) expect((await refusal(alone, { accept })).issue).toBe(issue)
  })

  test('a slice that is off to the side', async () => {
    const folder = await folderOf(slices(5, (n) => position(2.5 * n, n === 2 ? 1 : 0)))
    const error = await readVolume(folder).catch((caught) => caught)
    expect([error.issue, error.message]).toEqual(['irregular', expect.stringContaining('1.000 mm')])
  })

  test('images without place or pixel size', async () => {
    const folder = await folderOf([ctSlice(0, { '00200037': ['DS', ''] })])
    expect((await refusal(folder)).issue).toBe('no-geometry')
  })
})

describe('what is not read', () => {
  test('deflated files that are cut short, hold fewer pixels than they say, or several frames', async () => {
    const bytes = ctSlice(0, {}, DEFLATED)
    const read = (part: Uint8Array) => readVolume({ name: 'a.dcm', bytes: part })
    await expect(read(bytes.subarray(0, bytes.length - 9))).rejects.toThrow(/a\.dcm: is damaged DICOM/)
    await expect(read(ctSlice(0, { '00280010': ['US', 9] }, DEFLATED))).rejects.toThrow(/frame 0 needs 72 bytes/)
    const frames = { '00280008': ['IS', '2'], '00280010': ['US', 1] } satisfies DicomItem
    await expect(read(ctSlice(0, frames, DEFLATED))).rejects.toThrow(DataError)
  })

  test('compressed pixels name the package that reads them', async () => {
    const path = join(import.meta.dirname, 'compressed-dicom', 'jpeg-2000-lossless.dcm')
    // The decoder runs in a thread of its own, where the package is.
    const run = vi.spyOn(WorkerRunner.prototype, 'run').mockResolvedValue({ ok: true, value: await load([path]) })
    const error = await readVolume(path).catch((caught) => caught)
    run.mockRestore()
    expect(error).toBeInstanceOf(NotSupportedDataError)
    expect(error.message).toContain('npm install @itk-wasm/dicom@7.6.4')
  })

  test.each<[string, DicomItem]>([
    ['colours', { '00280002': ['US', 3] }],
    ['one bit', { '00280100': ['US', 1], '00280101': ['US', 1], '00280102': ['US', 0] }],
  ])('%s', async (_, change) => {
    await expect(readVolume({ name: 'a.dcm', bytes: ctSlice(0, change) })).rejects.toThrow(NotSupportedDataError)
  })

  test.each([
    ['SEG', '1.2.840.10008.5.1.4.1.1.66.4'],
    ['RTSTRUCT', '1.2.840.10008.5.1.4.1.1.481.3'],
  ])('%s, by name; beside images it does not matter', async (name, sopClass) => {
    const mask = ctSlice(0, { '00080016': ['UI', sopClass], '0020000e': ['UI', '1.2.3.5'] })
    const error = await readVolume({ name: 'a.dcm', bytes: mask }).catch((caught) => caught)
    expect([error.name, error.message]).toEqual(['NotSupportedError', expect.stringContaining(name)])
    expect((await readVolume(await folderOf([...slices(3), mask]))).shape).toEqual([4, 3, 3])
  })

  test.each<[string, DicomItem]>([
    ['no rows', { '00280010': ['US', 0] }],
    ['more bits than there are', { '00280101': ['US', 17] }],
    ['directions that are not perpendicular', { '00200037': ['DS', '1\\0\\0\\1\\0\\0'] }],
    ['words for numbers', { '00200032': ['DS', 'a\\b\\c'] }],
    ['pixels of no size', { '00280030': ['DS', '0\\1'] }],
    ['a million frames', { '00280008': ['IS', '1000000'] }],
    ['fewer pixels than rows and columns', { '00280010': ['US', 30] }],
  ])('%s', async (_, change) => {
    await expect(readVolume({ name: 'a.dcm', bytes: ctSlice(0, change) })).rejects.toThrow(DataError)
    await expect(readVolume({ name: 'a.dcm', bytes: ctSlice(0, change) })).rejects.toThrow(/a\.dcm/)
  })

  test('an object without an image, and an empty folder', async () => {
    const report = dicomBytes({ '00080060': ['CS', 'SR'], '0020000e': ['UI', '1.2'] })
    expect((await refusal(await folderOf([report]))).issue).toBe('no-images')
    const folder = join(await temporaryFolder(), 'empty')
    await mkdir(folder)
    expect((await refusal(folder)).issue).toBe('no-images')
  })

  test('a file cut anywhere', async () => {
    const bytes = ctSlice(0)
    for (let length = 0; length < bytes.length; length += 7) {
      await expect(readVolume({ name: 'a.dcm', bytes: bytes.slice(0, length) })).rejects.toThrow(DataError)
    }
  })
})
