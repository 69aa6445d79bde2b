import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { turnOverInside } from '../../src/data/dicom/fill-contour.js'
import { DataError, NotSupportedDataError } from '../../src/data/errors.js'
import { applyAffine, type Triple } from '../../src/data/geometry.js'
import { isDicomMask, readDicomMask } from '../../src/data/index.js'
import { readVolume } from '../../src/data/read-volume.js'
import { type Volume, volumeFromArray } from '../../src/data/volume.js'
import { affineFromFrame, betweenRasAnd } from '../../src/data/world-frames.js'
import { ctSlice, DEFLATED, type DicomItem, dicomBytes, EXPLICIT_LITTLE, zipBytes } from './dicom-bytes.js'
import { temporaryFolder } from './helpers.js'

const SEG = '1.2.840.10008.5.1.4.1.1.66.4'
const RTSTRUCT = '1.2.840.10008.5.1.4.1.1.481.3'
const words = (numbers: readonly number[]) => numbers.map((number) => number.toFixed(6)).join('\\')

/** Directions of columns, rows and slices of the grids below, left, posterior and superior positive, and their mm. */
const [c, s] = [Math.cos(0.3), Math.sin(0.3)]
const [across, down, up] = [
  [1, 0, 0],
  [0, c, s],
  [0, -s, c],
] as const satisfies Readonly<Triple>[]
const [columnMm, rowMm, sliceMm] = [0.5, 0.75, 2.5]
const scaled = (direction: Readonly<Triple>, mm: number) => direction.map((part) => part * mm) as Triple
const affine = affineFromFrame(
  'LPS',
  [scaled(across, columnMm), scaled(down, rowMm), scaled(up, sliceMm)],
  [-10, -20, 100],
)
/** A scan of 5 columns, 3 rows and 4 slices. */
const shape: Triple = [5, 3, 4]
const scan = volumeFromArray(new Int16Array(60), shape, affine)
const lps = (voxel: Triple) => betweenRasAnd('LPS', applyAffine(affine, voxel))

interface SegFrame {
  segment: number
  slice: number
  /** By row and column. */
  inside: readonly number[]
}

interface SegOptions {
  changes?: DicomItem
  syntax?: string
  columns?: number
  rows?: number
}

/** A SEG object with frames in slices of the scan, or of a part of it that begins with voxel (0, 0). */
function segBytes(names: string[], frames: SegFrame[], options: SegOptions = {}): Uint8Array {
  const { changes = {}, syntax = EXPLICIT_LITTLE, columns = 5, rows = 3 } = options
  const bits = frames.flatMap(({ inside }) => inside)
  const pixels = new Uint8Array(2 * Math.ceil(bits.length / 16))
  for (const [n, bit] of bits.entries()) if (bit === 1) pixels[n >> 3]! |= 1 << (n & 7)
  const segments = names.map((name, n): DicomItem => ({ '00620004': ['US', n + 1], '00620005': ['LO', name] }))
  const perFrame = frames.map(
    ({ segment, slice }): DicomItem => ({
      '00209113': ['SQ', [{ '00200032': ['DS', words(lps([0, 0, slice]))] }]],
      '0062000a': ['SQ', [{ '0062000b': ['US', segment] }]],
    }),
  )
  const shared: DicomItem = {
    '00209116': ['SQ', [{ '00200037': ['DS', words([...across, ...down])] }]],
    '00289110': ['SQ', [{ '00180050': ['DS', '2.5'], '00280030': ['DS', `${rowMm}\\${columnMm}`] }]],
  }
  return dicomBytes(
    {
      '00080016': ['UI', SEG],
      '00080060': ['CS', 'SEG'],
      '0020000e': ['UI', '1.2.3.8'],
      '00200052': ['UI', '1.2.3.9'],
      '00280002': ['US', 1],
      '00280008': ['IS', String(frames.length)],
      '00280010': ['US', rows],
      '00280011': ['US', columns],
      '00280100': ['US', 1],
      '00280101': ['US', 1],
      '00280102': ['US', 0],
      '00280103': ['US', 0],
      '00620001': ['CS', 'BINARY'],
      '00620002': ['SQ', segments],
      '52009229': ['SQ', [shared]],
      '52009230': ['SQ', perFrame],
      '7fe00010': ['OB', pixels],
      ...changes,
    },
    syntax,
  )
}

const read = (bytes: Uint8Array, onto: Volume = scan, options = {}) =>
  readDicomMask({ name: 'mask.dcm', bytes }, onto, options)

/** By slice, row and column, as frames are written. */
function labelsBySlice({ volume }: { volume: Volume }): number[] {
  const [columns, rows, slices] = volume.shape
  return Array.from({ length: volume.data.length }, (_, n) => {
    const [x, y, z] = [n % columns, Math.floor(n / columns) % rows, Math.floor(n / columns / rows)]
    return volume.data[(x * rows + y) * slices + z]!
  })
}

describe('SEG', () => {
  const labelMaps = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 60, maxLength: 60 })

  test.each([EXPLICIT_LITTLE, DEFLATED])('labels on an oblique scan, frames in any order (%s)', async (syntax) => {
    const frames = [0, 1, 2, 3].flatMap((slice) => [1, 2].map((segment) => ({ segment, slice })))
    const orders = fc.shuffledSubarray(frames, { minLength: 8, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(labelMaps, orders, async (labels, order) => {
        // Frames of 15 pixels share bytes.
        const written = order.map(({ segment, slice }) => {
          const inside = labels.slice(slice * 15, slice * 15 + 15).map((label) => (label === segment ? 1 : 0))
          return { segment, slice, inside }
        })
        const mask = await read(segBytes(['Liver', 'Spleen'], written, { syntax }))
        expect(labelsBySlice(mask)).toEqual(labels)
        expect(mask.volume.data).toBeInstanceOf(Uint8Array)
        expect(mask.segments).toEqual([
          { label: 1, number: 1, name: 'Liver' },
          { label: 2, number: 2, name: 'Spleen' },
        ])
      }),
      { numRuns: 30 },
    )
  })

  const one = (slice: number, segment = 1): SegFrame => ({ segment, slice, inside: Array(15).fill(1) })
  const volumeOf = (mask: { volume: Volume }) => mask.volume.data.filter((label) => label > 0).length

  test('with few slices and a smaller frame is empty elsewhere', async () => {
    const corner = { segment: 1, slice: 2, inside: [1, 0, 1, 1] }
    const mask = await read(segBytes(['Nodule'], [corner], { columns: 2, rows: 2 }))
    const expected = Array(60).fill(0)
    for (const at of [30, 35, 36]) expected[at] = 1
    expect(labelsBySlice(mask)).toEqual(expected)
  })

  test('on a scan of half the voxel size, turned over, fills the same place', async () => {
    const fine = affineFromFrame(
      'LPS',
      [scaled(across, -columnMm / 2), scaled(down, rowMm / 2), scaled(up, sliceMm / 2)],
      lps([4.25, -0.25, -0.25]),
    )
    const onto = volumeFromArray(new Int16Array(480), [10, 6, 8], fine)
    expect(volumeOf(await read(segBytes(['Lung'], [one(1), one(2)]), onto))).toBe(30 * 8)
  })

  test('of fractions is inside from the half on, or from where it is told', async () => {
    const pixels = Uint8Array.from({ length: 16 }, (_, n) => n)
    const changes: DicomItem = {
      '00280100': ['US', 8],
      '00280101': ['US', 8],
      '00280102': ['US', 7],
      '00620001': ['CS', 'FRACTIONAL'],
      '0062000e': ['US', 14],
      '7fe00010': ['OB', pixels],
    }
    const bytes = segBytes(['Lung'], [one(0)], { changes })
    expect(volumeOf(await read(bytes))).toBe(8)
    expect(volumeOf(await read(bytes, scan, { fraction: 1 }))).toBe(1)
    expect(volumeOf(await read(bytes, scan, { fraction: 0 }))).toBe(14)
  })

  test('with overlaps is refused, unless one segment is taken or the later one wins', async () => {
    const bytes = segBytes(['Lung', 'Nodule'], [one(0, 2), one(0), one(1)])
    await expect(read(bytes)).rejects.toThrow(/'Nodule' and 'Lung' overlap.*overlap: 'later'/s)
    expect(await read(bytes, scan, { segments: ['Lung'] })).toMatchObject({ segments: [{ label: 1 }] })
    expect(labelsBySlice(await read(bytes, scan, { segments: [2] })).slice(0, 16)).toEqual([...Array(15).fill(2), 0])
    const later = labelsBySlice(await read(bytes, scan, { overlap: 'later' }))
    expect([later[0], later[15]]).toEqual([2, 1])
    await expect(read(bytes, scan, { segments: ['Heart'] })).rejects.toThrow(/no segment is called Heart.*1 'Lung'/s)
  })

  test('of another scan is refused', async () => {
    const bytes = segBytes(['Lung'], [one(0)])
    const elsewhere = volumeFromArray(new Int16Array(60), shape, [...affine.slice(0, 11), 900, 0, 0, 0, 1])
    await expect(read(bytes, elsewhere)).rejects.toThrow(/none of its frames lies on the scan/)
    const series = await readVolume({ name: 'ct.dcm', bytes: ctSlice(0, { '00200052': ['UI', '1.2.77'] }) })
    await expect(read(bytes, series)).rejects.toThrow(/frame of reference 1\.2\.3\.9, not in the scan's 1\.2\.77/)
  })

  test.each<[string, DicomItem]>([
    ['no segments', { '00620002': ['SQ', []] }],
    ['another kind', { '00620001': ['CS', 'LABELMAP'] }],
    ['fewer pixels than frames', { '7fe00010': ['OB', new Uint8Array(2)], '00280010': ['US', 30] }],
    ['frames that are not described', { '52009230': ['SQ', []] }],
    ['no pixel size', { '52009229': ['SQ', []] }],
  ])('with %s is refused', async (_, changes) => {
    await expect(read(segBytes(['Lung'], [one(0)], { changes }))).rejects.toThrow(DataError)
  })

  test('cut anywhere, or with any byte changed, ends in a DataError or a mask', async () => {
    const bytes = segBytes(['Lung'], [one(0), one(1)])
    for (let length = 0; length < bytes.length; length += 11) {
      await expect(read(bytes.slice(0, length))).rejects.toThrow(DataError)
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const broken = bytes.slice()
        broken[at]! ^= change
        const result = await read(broken).catch((error) => error)
        expect(result instanceof DataError || volumeOf(result) >= 0).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('compressed is not read', async () => {
    const bytes = segBytes(['Lung'], [one(0)], { syntax: '1.2.840.10008.1.2.5' })
    await expect(read(bytes)).rejects.toThrow(NotSupportedDataError)
  })
})

type Contour = { type?: string; corners: readonly Triple[] }

/** A structure set; corners in voxels of the scan. */
function structureBytes(structures: { name: string; number: number; contours: Contour[] }[]): Uint8Array {
  return dicomBytes({
    '00080016': ['UI', RTSTRUCT],
    '00080060': ['CS', 'RTSTRUCT'],
    '30060020': [
      'SQ',
      structures.map(
        ({ name, number }): DicomItem => ({
          '30060022': ['IS', String(number)],
          '30060024': ['UI', '1.2.3.9'],
          '30060026': ['LO', name],
        }),
      ),
    ],
    '30060039': [
      'SQ',
      structures.map(
        ({ number, contours }): DicomItem => ({
          '30060040': [
            'SQ',
            contours.map(
              ({ type = 'CLOSED_PLANAR', corners }): DicomItem => ({
                '30060042': ['CS', type],
                '30060050': ['DS', words(corners.flatMap((corner) => lps(corner)))],
              }),
            ),
          ],
          '30060084': ['IS', String(number)],
        }),
      ),
    ],
  })
}

const rectangle = (x0: number, y0: number, x1: number, y1: number, z: number): Contour => ({
  corners: [
    [x0, y0, z],
    [x1, y0, z],
    [x1, y1, z],
    [x0, y1, z],
  ],
})

describe('RTSTRUCT', () => {
  test('contours are filled by slice, with holes; what lies beyond the scan is left out', async () => {
    const body = {
      name: 'Body',
      number: 12,
      contours: [rectangle(-0.5, -0.5, 4.5, 2.5, 1), rectangle(0.5, 0.5, 2.5, 1.5, 1)],
    }
    const nodule = {
      name: 'Nodule',
      number: 3,
      contours: [rectangle(0.5, 0.5, 2.5, 1.5, 1), rectangle(3, 1, 99, 9, 3), rectangle(0, 0, 2, 2, 7)],
    }
    const point = { name: 'Isocentre', number: 4, contours: [{ type: 'POINT', corners: [[1, 1, 1] as Triple] }] }
    const mask = await read(structureBytes([body, point, nodule]))
    expect(mask.segments).toEqual([
      { label: 1, number: 12, name: 'Body' },
      { label: 2, number: 3, name: 'Nodule' },
    ])
    const labels = labelsBySlice(mask)
    expect(labels.slice(15, 30)).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1, 1, 1, 1, 1])
    expect(labels.slice(45)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 0, 0, 0, 2, 2])
    expect(labels.filter((label) => label > 0)).toHaveLength(19)
  })

  test('contours between slices or on another scan are refused', async () => {
    const between = structureBytes([{ name: 'Body', number: 1, contours: [rectangle(0, 0, 3, 2, 1.5)] }])
    await expect(read(between)).rejects.toThrow(/a contour of 'Body' lies in no slice/)
    const beyond = structureBytes([{ name: 'Body', number: 1, contours: [rectangle(0, 0, 3, 2, 40)] }])
    await expect(read(beyond)).rejects.toThrow(/none of its contours lies in a slice of the scan/)
    await expect(read(structureBytes([]))).rejects.toThrow(/no structure with closed contours/)
  })

  test('a polygon turns over the pixels whose centres are inside', () => {
    const point = fc.tuple(fc.double({ min: -3, max: 12, noNaN: true }), fc.double({ min: -3, max: 12, noNaN: true }))
    fc.assert(
      fc.property(fc.array(point, { minLength: 3, maxLength: 9 }), (corners) => {
        const bitmap = new Uint8Array(9 * 7)
        turnOverInside(bitmap, 9, 7, corners.flat())
        for (const [n, inside] of bitmap.entries()) expect(inside).toBe(isInside(corners, n % 9, Math.floor(n / 9)))
        turnOverInside(bitmap, 9, 7, corners.flat())
        expect(bitmap.every((value) => value === 0)).toBe(true)
      }),
    )
  })
})

/** Counts the edges to the right of a point. */
function isInside(corners: readonly (readonly [number, number])[], x: number, y: number): number {
  const edges = corners.map((corner, n) => [corner, corners[(n + 1) % corners.length]!] as const)
  const crossed = edges.filter(([[x0, y0], [x1, y1]]) => {
    if (y0 <= y === y1 <= y) return false
    return x0 + ((y - y0) / (y1 - y0)) * (x1 - x0) > x
  })
  return crossed.length % 2
}

test('masks are found in folders and zip archives, and told from scans', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'a.dcm'), segBytes(['Lung'], [{ segment: 1, slice: 0, inside: Array(15).fill(1) }]))
  expect([await isDicomMask(folder), await isDicomMask({ name: 'ct.dcm', bytes: ctSlice(0) })]).toEqual([true, false])
  expect((await readDicomMask(folder, scan)).segments).toHaveLength(1)
  const archive = zipBytes(
    { 'study/a.dcm': segBytes(['Lung'], [{ segment: 1, slice: 0, inside: Array(15).fill(1) }]) },
    crc32,
  )
  const packed = join(folder, 'seg.zip')
  await writeFile(packed, archive)
  for (const input of [packed, { name: 'seg.zip', bytes: archive }]) {
    expect(await isDicomMask(input)).toBe(true)
    expect(Array.from((await readDicomMask(input, scan)).volume.data).filter((label) => label === 1)).toHaveLength(15)
  }
  const other = zipBytes({ 'readme.txt': Buffer.from('nothing') }, crc32)
  await expect(readDicomMask({ name: 'other.zip', bytes: other }, scan)).rejects.toThrow(/holds 0 DICOM segmentations/)
  await writeFile(join(folder, 'b.dcm'), structureBytes([]))
  await expect(readDicomMask(folder, scan)).rejects.toThrow(/holds 2 DICOM segmentations/)
  await expect(readDicomMask({ name: 'ct.dcm', bytes: ctSlice(0) }, scan)).rejects.toThrow(/holds 0 DICOM/)
})
