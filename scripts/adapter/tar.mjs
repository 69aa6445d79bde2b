// Reads a tar archive that is in memory: regular files only, which is all that our downloads hold.

const BLOCK = 512
const decoder = new TextDecoder()

/**
 * @typedef {object} TarFile
 * @property {string} name
 * @property {number} mode permission bits
 * @property {Uint8Array} data
 */

/**
 * @param {Uint8Array} archive
 * @returns {Generator<TarFile>}
 */
export function* readTar(archive) {
  let longName = ''
  for (let offset = 0; offset + BLOCK <= archive.length; ) {
    const header = archive.subarray(offset, offset + BLOCK)
    if (header[0] === 0) return // two zero blocks end an archive
    const size = octal(header, 124, 12)
    if (sum(header) !== octal(header, 148, 8)) throw new Error(`tar: bad header checksum at byte ${offset}`)
    const data = archive.subarray(offset + BLOCK, offset + BLOCK + size)
    if (data.length < size) throw new Error(`tar: the archive ends within ${text(header, 0, 100)}`)
    const type = String.fromCharCode(header[156] || 48)
    if (type === 'L') longName = text(data, 0, size)
    else if (type === 'x') longName = text(data, 0, size).match(/^\d+ path=(.*)$/m)?.[1] ?? ''
    else {
      const folder = text(header, 345, 155)
      const name = longName || (folder ? `${folder}/${text(header, 0, 100)}` : text(header, 0, 100))
      longName = ''
      if (type === '0') yield { name, mode: octal(header, 100, 8) & 0o777, data }
    }
    offset += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
}

/** @param {Uint8Array} bytes @param {number} start @param {number} length */
function text(bytes, start, length) {
  return decoder.decode(bytes.subarray(start, start + length)).replace(/\0.*$/s, '')
}

/** @param {Uint8Array} bytes @param {number} start @param {number} length */
function octal(bytes, start, length) {
  return Number.parseInt(text(bytes, start, length).trim() || '0', 8)
}

/**
 * The checksum counts its own eight bytes as blanks.
 * @param {Uint8Array} header
 */
function sum(header) {
  return header.reduce((total, byte, index) => total + (index >= 148 && index < 156 ? 32 : byte), 0)
}
