import { expect, it } from 'vitest'
import { readTar } from '../../scripts/adapter/tar.mjs'

interface Entry {
  name: string
  data?: string
  type?: string
  mode?: number
  folder?: string
}

/** A ustar archive, as tar(5) describes it. */
function tar(entries: Entry[]): Uint8Array {
  const blocks = entries.flatMap(({ name, data = '', type = '0', mode = 0o644, folder = '' }) => {
    const body = new TextEncoder().encode(data)
    const header = new Uint8Array(512)
    const put = (offset: number, text: string) => header.set(new TextEncoder().encode(text), offset)
    put(0, name)
    put(100, `${mode.toString(8).padStart(7, '0')}\0`)
    put(124, `${body.length.toString(8).padStart(11, '0')} `)
    put(148, ' '.repeat(8))
    put(156, type)
    put(257, 'ustar\x0000')
    put(345, folder)
    const checksum = header.reduce((sum, byte) => sum + byte, 0)
    put(148, `${checksum.toString(8).padStart(6, '0')}\0 `)
    const padded = new Uint8Array(Math.ceil(body.length / 512) * 512)
    padded.set(body)
    return [header, padded]
  })
  const all = [...blocks, new Uint8Array(1024)]
  const archive = new Uint8Array(all.reduce((size, block) => size + block.length, 0))
  let offset = 0
  for (const block of all) {
    archive.set(block, offset)
    offset += block.length
  }
  return archive
}

const read = (entries: Entry[]) =>
  [...readTar(tar(entries))].map(({ name, mode, data }) => ({ name, mode, data: new TextDecoder().decode(data) }))

it('reads regular files: empty, of one block exactly, and longer', () => {
  const sizes = [0, 1, 511, 512, 513, 2000]
  const files = sizes.map((size) => ({ name: `bin/${size}`, data: 'x'.repeat(size), mode: 0o755 }))
  expect(read(files)).toEqual(files)
})

it('skips folders and links, and joins the prefix field', () => {
  const entries = [
    { name: 'a/', type: '5' },
    { name: 'link', type: '2' },
    { name: 'file', folder: 'deep/er', data: 'd' },
  ]
  expect(read(entries)).toEqual([{ name: 'deep/er/file', mode: 0o644, data: 'd' }])
})

it.each([
  ['GNU', { name: '././@LongLink', type: 'L', data: `${'n'.repeat(150)}\0` }],
  ['pax', { name: 'PaxHeader', type: 'x', data: `20 mtime=1700000000\n160 path=${'n'.repeat(150)}\n` }],
])('knows long names as %s writes them, for one file only', (_, long) => {
  const files = read([long, { name: 'n'.repeat(100), data: '1' }, { name: 'short', data: '2' }])
  expect(files.map(({ name }) => name)).toEqual(['n'.repeat(150), 'short'])
})

it('refuses what is no tar, and one that ends early', () => {
  expect(() => [...readTar(new Uint8Array(1024).fill(65))]).toThrow(/checksum at byte 0/)
  const whole = tar([{ name: 'file', data: 'x'.repeat(1000) }])
  expect(() => [...readTar(whole.subarray(0, 1024))]).toThrow(/ends within file/)
})
