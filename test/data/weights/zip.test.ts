import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openBytes } from '../../../src/data/byte-source.js'
import { DataError } from '../../../src/data/errors.js'
import { ZipArchive } from '../../../src/data/zip/archive.js'
import { fixture, joined } from './fixtures.js'
import { type ZipPart, zipBytes } from './zip-bytes.js'

const open = async (bytes: Uint8Array) => await ZipArchive.open(await openBytes({ name: 'a.zip', bytes }))
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe.each(['stored', 'deflated'])("Python's zipfile, %s", (kind) => {
  test('gives every entry, whole and in part, behind a comment that looks like a record', async () => {
    const archive = await open(fixture('zip', kind))
    expect([...archive.entries.keys()]).toEqual(['folder/text', 'empty', 'wide'])
    expect(text(await archive.read('folder/text'))).toBe('some text '.repeat(50))
    expect(text(await archive.readRange('folder/text', 495, 5))).toBe('text ')
    expect(text(await archive.readRange('folder/text', 5, 4))).toBe('text')
    expect(archive.byteLength('empty')).toBe(0)
    expect(text(await archive.read('empty'))).toBe('')
    expect(text(await archive.read('wide'))).toBe('zip64 sizes')
  })
})

test('any names and contents', async () => {
  const parts = fc.uniqueArray(
    fc.record({
      name: fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }),
      data: fc.uint8Array({ maxLength: 300 }),
      deflate: fc.boolean(),
    }),
    { selector: ({ name }) => name, maxLength: 5 },
  )
  await fc.assert(
    fc.asyncProperty(parts, async (entries) => {
      const archive = await open(zipBytes(entries))
      for (const { name, data } of entries) expect([...(await archive.read(name))]).toEqual([...data])
    }),
    { numRuns: 60 },
  )
})

describe('refuses', () => {
  const part = (changes: Partial<ZipPart> = {}): ZipPart => ({ name: 'a', data: 'some data', ...changes })
  const sound = zipBytes([part()])

  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /no zip directory/],
    ['another file', joined('x'.repeat(100)), /no zip directory/],
    ['a truncated file', sound.slice(0, -1), /no zip directory/],
    ['bytes before it', joined('x', sound), /does not end where|is not where/],
    ['a wrong count', zipBytes([part()], { entries: 2 }), /does not have 2 entries/],
    ['two entries of one name', zipBytes([part(), part()]), /same name/],
    ['an entry over another', zipBytes([part(), part({ name: 'b', position: 3 })]), /overlaps/],
    ['an entry longer than the file', zipBytes([part({ bytes: 1e9, compressedBytes: 1e9 })]), /overlaps/],
    ['a position beyond the file', zipBytes([part({ position: 4e9 })]), /overlaps/],
    ['sizes for zip64 without it', zipBytes([part({ bytes: 0xffffffff })]), /sizes of 'a'/],
  ])('%s', async (_, bytes, message) => {
    await expect(open(bytes)).rejects.toThrow(DataError)
    await expect(open(bytes)).rejects.toThrow(message)
  })

  test.each<[string, Uint8Array, RegExp]>([
    ['an unknown method', zipBytes([part({ method: 12 })]), /method 12/],
    ['a real other method', fixture('zip', 'bzip2'), /method 12/],
    ['an encrypted entry', zipBytes([part({ flags: 1 })]), /encrypted/],
    ['a wrong checksum', zipBytes([part({ crc32: 1 })]), /checksum/],
    ['a wrong checksum, deflated', zipBytes([part({ deflate: true, crc32: 1 })]), /checksum/],
    ['two lengths', zipBytes([part({ bytes: 3 })]), /two lengths/],
    ['another name inside', zipBytes([part({ localName: 'b' })]), /is not where/],
    ['more data than announced', zipBytes([part({ deflate: true, bytes: 8 })]), /more than 8/],
    ['less data than announced', zipBytes([part({ deflate: true, bytes: 10 })]), /9 bytes instead of 10/],
    ['an impossible ratio', zipBytes([part({ deflate: true, bytes: 1e6 })]), /claims 1000000/],
    ['damaged data', zipBytes([part({ method: 8 })]), /cannot be inflated/],
    [
      'a bomb',
      zipBytes([part({ data: new Uint8Array(1_000_000), deflate: true, compressedBytes: 990, bytes: 2e8 })]),
      /claims|overlaps|bombs/,
    ],
  ])('to read %s', async (_, bytes, message) => {
    const read = async () => {
      const archive = await open(bytes)
      await archive.read([...archive.entries.keys()][0]!)
    }
    await expect(read()).rejects.toThrow(DataError)
    await expect(read()).rejects.toThrow(message)
  })

  test('a bomb with an honest header, before it grows', async () => {
    const archive = await open(zipBytes([part({ data: new Uint8Array(150e6), deflate: true })]))
    await expect(archive.read('a')).rejects.toThrow(/as zip bombs do/)
  })

  test('an unknown name and a range beyond the end', async () => {
    const archive = await open(sound)
    await expect(archive.read('b')).rejects.toThrow(DataError)
    await expect(archive.readRange('a', 5, 5)).rejects.toThrow(/has 9 bytes, not 10/)
  })
})
