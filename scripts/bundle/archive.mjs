// Writes a folder as a tar archive, the same for the same content: no owners, no times of the day.

import { spawnSync } from 'node:child_process'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { onPath } from '../adapter/exec.mjs'

const BLOCK = 512

/**
 * @param {string} folder
 * @param {string} name the folder that the archive unpacks to
 * @param {Date} date of every file
 * @returns {Buffer}
 */
export function tarOf(folder, name, date) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    lstatSync(join(folder, path)).isFile(),
  )
  const blocks = files.sort().flatMap((path) => {
    const { mode } = lstatSync(join(folder, path))
    const data = readFileSync(join(folder, path))
    const padding = Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)
    return [header(`${name}/${path}`, data.length, mode & 0o111 ? 0o755 : 0o644, date), data, padding]
  })
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)])
}

/**
 * A ustar header, as tar(5) has it. Folders need none: tar makes them as files ask for them.
 * @param {string} path
 * @param {number} size
 * @param {number} mode
 * @param {Date} date
 */
function header(path, size, mode, date) {
  const block = Buffer.alloc(BLOCK)
  const { prefix, name } = splitPath(path)
  block.write(name, 0, 100, 'utf8')
  const number = (/** @type {number} */ value, /** @type {number} */ offset, /** @type {number} */ width) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset, 'latin1')
  number(mode, 100, 8)
  number(0, 108, 8)
  number(0, 116, 8)
  number(size, 124, 12)
  number(Math.floor(date.getTime() / 1000), 136, 12)
  block.write(' '.repeat(8), 148, 'latin1') // counts as blanks in its own checksum
  block.write('0', 156, 'latin1')
  block.write('ustar\x0000', 257, 'latin1')
  block.write(prefix, 345, 155, 'utf8')
  const checksum = block.reduce((sum, byte) => sum + byte, 0)
  block.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/**
 * A path longer than the name field goes on in the prefix field, divided at a slash.
 * @param {string} path
 */
function splitPath(path) {
  if (Buffer.byteLength(path) <= 100) return { prefix: '', name: path }
  for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
    const prefix = path.slice(0, slash)
    const name = path.slice(slash + 1)
    if (Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return { prefix, name }
  }
  throw new Error(`${path} is too long a path for a tar archive`)
}

/**
 * gzip, because every server can unpack it; xz, which is smaller by a quarter and often missing there, where it has to be.
 * @param {Buffer} tar
 * @param {number} limitBytes
 * @returns {Promise<{ data: Buffer, suffix: 'gz' | 'xz' }>}
 */
export async function compress(tar, limitBytes) {
  const data = await promisify(gzip)(tar, { level: 9 })
  if (data.length <= limitBytes || !onPath('xz')) return { data, suffix: 'gz' }
  const { stdout, status } = spawnSync('xz', ['--threads=0', '-6', '--stdout'], { input: tar, maxBuffer: tar.length })
  return status === 0 ? { data: stdout, suffix: 'xz' } : { data, suffix: 'gz' }
}
