import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { DataError, NotSupportedDataError } from '../../src/data/errors.js'
import { readVolume, readVolumeInfo } from '../../src/data/read-volume.js'
import { COLUMNS, plainSlice, ROWS } from './compressed-dicom/slice.js'
import { ctSlice, type DicomItem } from './dicom-bytes.js'
import { temporaryFolder } from './helpers.js'

const fixture = (name: string) => join(import.meta.dirname, 'compressed-dicom', `${name}.dcm`)
const plain = (signed: boolean) => readVolume({ name: 'plain.dcm', bytes: plainSlice(signed) })

/** The compressed bytes of a fixture: the item after the offset table of its pixels. */
function compressedBytes(name: string): Uint8Array {
  const file = readFileSync(fixture(name))
  const table = file.indexOf(Uint8Array.of(0xe0, 0x7f, 0x10, 0, 0x4f, 0x42, 0, 0, 255, 255, 255, 255)) + 12
  const first = table + 8 + file.readUInt32LE(table + 4)
  return file.subarray(first + 8, first + 8 + file.readUInt32LE(first + 4))
}

/** A slice file whose pixels are these items: the offset table, then pieces. */
function encapsulated(syntax: string, items: Uint8Array[], changes: DicomItem = {}): Uint8Array {
  const size: DicomItem = { '00280010': ['US', ROWS], '00280011': ['US', COLUMNS] }
  const whole = ctSlice(0, { ...size, '7fe00010': ['OB', new Uint8Array(0)], ...changes }, syntax)
  const header = Buffer.from(whole.subarray(0, whole.length - 4))
  const item = (tag: number, length: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt16LE(0xfffe, 0)
    bytes.writeUInt16LE(tag, 2)
    bytes.writeUInt32LE(length, 4)
    return bytes
  }
  const pieces = items.flatMap((bytes) => [item(0xe000, bytes.length), bytes])
  return Buffer.concat([header, Buffer.alloc(4, 255), ...pieces, item(0xe0dd, 0)])
}

const RLE = '1.2.840.10008.1.2.5'
const NONE = new Uint8Array(0)

describe('compressed slices', () => {
  test.each([
    'jpeg-lossless-sv1',
    'jpeg-lossless',
    'jpeg-ls',
    'jpeg-2000-lossless',
    'jpeg-2000',
    'rle',
    'signed-jpeg-lossless-sv1',
    'signed-jpeg-ls',
    'signed-jpeg-2000-lossless',
    'signed-rle',
  ])('%s are what was compressed', async (name) => {
    const expected = await plain(name.startsWith('signed'))
    const volume = await readVolume(fixture(name))
    expect([volume.shape, volume.data.constructor]).toEqual([[COLUMNS, ROWS, 1], Int16Array])
    expect(Buffer.from(volume.data.buffer).equals(Buffer.from(expected.data.buffer))).toBe(true)
    expect(volume.source).toMatchObject({ storedDtype: name.startsWith('signed') ? 'int16' : 'uint16', slope: 1 })
    expect(await readVolumeInfo(fixture(name))).toMatchObject({ shape: [COLUMNS, ROWS, 1] })
  })

  // The checksums are those of the Hounsfield units in what dcmdjpeg and dcmdjpls make of the files.
  test.each([
    ['jpeg-extended', 13, 0x1492ecfb],
    ['jpeg-ls-near', 2, 0xbd9b89e6],
  ])('%s lose what the encoder dropped, and decode as with DCMTK', async (name, largest, checksum) => {
    const expected = await plain(false)
    const volume = await readVolume(fixture(name))
    const lost = Math.max(...Array.from(volume.data, (value, n) => Math.abs(value - expected.data[n]!)))
    expect(lost).toBe(largest)
    expect(crc32(new Uint8Array(volume.data.buffer))).toBe(checksum)
  })

  test('of a folder come in the order of their places, scaled each by its own', async () => {
    const folder = await temporaryFolder()
    const piece = compressedBytes('rle')
    const count = 19
    for (let n = 0; n < count; n++) {
      const changes: DicomItem = {
        '00200032': ['DS', `0\\0\\${3 * n}`],
        '00281052': ['DS', String(-1000 - n)],
      }
      const name = `${(n * 7) % count}.dcm`
      await writeFile(join(folder, name), encapsulated(RLE, [NONE, piece], changes))
    }
    await expect(readVolume(folder)).rejects.toThrow(/mixed-rescale/)
    const volume = await readVolume(folder, { accept: ['mixed-rescale'] })
    const expected = (await plain(false)).data
    expect(volume.shape).toEqual([COLUMNS, ROWS, count])
    for (let n = 0; n < count; n++) {
      expect(volume.data[n * ROWS * COLUMNS + 900]).toBe(expected[900]! + 1024 - 1000 - n)
    }
  })

  test.each([
    ['without a table, one piece each', [NONE], false],
    ['with a table, in two pieces each', undefined, true],
  ])('of one file with frames %s', async (_, table, split) => {
    const piece = compressedBytes('jpeg-ls')
    const half = (piece.length >> 2) << 1
    const offsets = Buffer.alloc(8)
    offsets.writeUInt32LE(split ? piece.length + 16 : piece.length + 8, 4)
    const pieces = split ? [piece.subarray(0, half), piece.subarray(half)] : [piece]
    const frame = (z: number): DicomItem => ({ '00209113': ['SQ', [{ '00200032': ['DS', `0\\0\\${z}`] }]] })
    const bytes = encapsulated('1.2.840.10008.1.2.4.80', [...(table ?? [offsets]), ...pieces, ...pieces], {
      '00280008': ['IS', '2'],
      '52009230': ['SQ', [frame(4), frame(0)]],
    })
    // Some scanners write more behind the pixels than is told.
    const volume = await readVolume({ name: 'frames.dcm', bytes: Buffer.concat([bytes, Buffer.alloc(5000)]) })
    const expected = (await plain(false)).data
    expect(volume.shape).toEqual([COLUMNS, ROWS, 2])
    for (const n of [0, 1]) {
      expect(volume.data.subarray(n * expected.length, (n + 1) * expected.length)).toEqual(expected)
    }
  })
})

describe('compressed files that are broken', () => {
  const piece = compressedBytes('jpeg-ls')
  const JPEG_LS = '1.2.840.10008.1.2.4.80'

  test('are named among those that are not', async () => {
    const folder = await temporaryFolder()
    for (let n = 0; n < 3; n++) {
      const place: DicomItem = { '00200032': ['DS', `0\\0\\${3 * n}`] }
      const content = n === 1 ? piece.subarray(0, 8) : piece
      await writeFile(join(folder, `${n}.dcm`), encapsulated(JPEG_LS, [NONE, content], place))
    }
    const { exitCode } = process
    const error = await readVolume(folder).catch((caught) => caught)
    expect(error).toBeInstanceOf(DataError)
    expect(error.message).toMatch(/1\.dcm: @itk-wasm\/dicom cannot decompress it/)
    expect(process.exitCode).toBe(exitCode)
  })

  test('leave the standard output of a command to its results', async () => {
    const folder = await temporaryFolder()
    const path = join(folder, 'broken.dcm')
    await writeFile(path, encapsulated(JPEG_LS, [NONE, piece.subarray(0, 8)]))
    const command = [join(import.meta.dirname, '../../bin/voxgrad.js'), 'plot', path, '--out', join(folder, 'x.png')]
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(/^voxgrad: .*cannot decompress it/)])
  })

  test('at any end: cut files, and pieces longer than the file', async () => {
    const whole = encapsulated(JPEG_LS, [NONE, piece])
    for (const length of [whole.length - 1, whole.length - 8, whole.length - 9, whole.length - piece.length - 9]) {
      await expect(readVolume({ name: 'cut.dcm', bytes: whole.subarray(0, length) })).rejects.toThrow(DataError)
    }
    const lying = Buffer.from(whole)
    lying.writeUInt32LE(2 ** 31, whole.length - 8 - piece.length - 4)
    await expect(readVolume({ name: 'lying.dcm', bytes: lying })).rejects.toThrow(/is no piece of compressed pixels/)
  })

  test('in what they say of frames', async () => {
    const place = (z: number): DicomItem => ({ '00209113': ['SQ', [{ '00200032': ['DS', `0\\0\\${z}`] }]] })
    const frames: DicomItem = { '00280008': ['IS', '2'], '52009230': ['SQ', [place(0), place(1)]] }
    const read = (bytes: Uint8Array) => readVolume({ name: 'frames.dcm', bytes })
    await expect(read(encapsulated(JPEG_LS, [NONE, piece], frames))).rejects.toThrow(/1 pieces .* for 2 frames/)
    const three = [NONE, piece, piece, piece]
    await expect(read(encapsulated(JPEG_LS, three, frames))).rejects.toThrow(NotSupportedDataError)
    const wrong = [Buffer.alloc(8, 1), piece, piece, piece]
    await expect(read(encapsulated(JPEG_LS, wrong, frames))).rejects.toThrow(/where frame 0 does/)
  })
})
