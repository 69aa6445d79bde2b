import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { convertIndexedToRgb, decode } from 'fast-png'
import { DataError, NotSupportedDataError } from '../errors.js'
import { fileError, readFileBytes } from '../files.js'
import { type Volume, volumeFromArray } from '../volume.js'

/** A picture in grey. */
interface GreyPicture {
  readonly width: number
  readonly height: number
  /** Row by row. */
  readonly data: Uint8Array
}

/** No slice is larger; a header that says so is damaged or a bomb. */
const MOST_PIXELS_PER_AXIS = 8192

/**
 * A folder of PNG pictures as a volume of rows, columns and slices, uint8, on a grid of 1 mm that means nothing (pictures
 * have no geometry). Slices are ordered by the number in their names; of pictures in several sizes only those of the most
 * common size are taken, and colours become grey by OpenCV's integer rule, both as VELVET-Med prepared M3D-Cap.
 *
 * Throws a DataError for a folder without pictures or with broken ones, and a NotSupportedDataError for JPEG.
 */
export async function readPictureSlices(folder: string): Promise<Volume> {
  const names = await readdir(folder).catch((cause) => {
    throw fileError('read', folder, cause)
  })
  const numbered = names
    .flatMap((name) => {
      const match = /^(\d+)\.(png|jpe?g)$/i.exec(name)
      return match ? [{ name, number: Number(match[1]) }] : []
    })
    .sort((a, b) => a.number - b.number)
  const jpeg = numbered.find(({ name }) => !/\.png$/i.test(name))
  if (jpeg) {
    throw new NotSupportedDataError(`${jpeg.name} is a JPEG picture, which is not read`, {
      path: folder,
      remedy: 'Convert the slices to PNG',
    })
  }
  const pictures: GreyPicture[] = []
  for (const { name } of numbered) pictures.push(await readGrey(join(folder, name)))
  const slices = ofMostCommonSize(pictures)
  const first = slices[0]
  if (first === undefined) throw new DataError('has no pictures named by number, such as 0.png', { path: folder })
  const [rows, columns, depth] = [first.height, first.width, slices.length]
  const data = new Uint8Array(rows * columns * depth)
  for (const [k, slice] of slices.entries()) {
    for (let n = 0; n < slice.data.length; n++) data[n * depth + k] = slice.data[n]!
  }
  return volumeFromArray(data, [rows, columns, depth], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
}

function ofMostCommonSize(pictures: readonly GreyPicture[]): GreyPicture[] {
  const bySize = new Map<string, GreyPicture[]>()
  for (const picture of pictures) {
    const key = `${picture.width} ${picture.height}`
    const same = bySize.get(key)
    if (same) same.push(picture)
    else bySize.set(key, [picture])
  }
  return [...bySize.values()].reduce((most, other) => (other.length > most.length ? other : most), [])
}

async function readGrey(path: string): Promise<GreyPicture> {
  const bytes = await readFileBytes(path)
  if (bytes.length >= 24) {
    const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const [width, height] = [header.getUint32(16), header.getUint32(20)]
    if (width > MOST_PIXELS_PER_AXIS || height > MOST_PIXELS_PER_AXIS) {
      throw new DataError(`claims ${width} x ${height} pixels`, { path, remedy: 'The file is damaged' })
    }
  }
  try {
    const picture = decode(bytes)
    const { width, height } = picture
    // Colours of a palette are RGB or RGBA with eight bits; plain pictures with 16 bits lose the lower eight.
    const data = picture.palette ? convertIndexedToRgb(picture) : picture.data
    const channels = picture.palette ? data.length / (width * height) : picture.channels
    if (!picture.palette && picture.depth < 8) throw new Error(`${picture.depth} bits per pixel`)
    return { width, height, data: greyOfColours(data, channels, picture.depth === 16 ? 8 : 0) }
  } catch (cause) {
    throw new DataError(`is no picture: ${cause instanceof Error ? cause.message : cause}`, { path, cause })
  }
}

/** Grey and grey with alpha keep their value; of RGB(A) (3735 B + 19235 G + 9798 R + 16384) >> 15. */
export function greyOfColours(data: ArrayLike<number>, channels: number, shift = 0): Uint8Array {
  const grey = new Uint8Array(data.length / channels)
  for (let n = 0; n < grey.length; n++) {
    const at = n * channels
    const [red, green, blue] =
      channels < 3 ? [data[at]!, data[at]!, data[at]!] : [data[at]!, data[at + 1]!, data[at + 2]!]
    grey[n] = (3735 * (blue >> shift) + 19235 * (green >> shift) + 9798 * (red >> shift) + 16384) >> 15
  }
  return grey
}
