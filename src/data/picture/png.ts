import { encode } from 'fast-png'
import { writeFileAtomically } from '../files.js'
import type { RgbImage } from './canvas.js'

/** The bytes of a PNG file; with `alpha`, a byte per pixel from 0 (invisible) to 255, of one that can be seen through. */
export function encodePng({ width, height, data }: RgbImage, alpha?: Uint8Array): Uint8Array {
  if (alpha === undefined) return encode({ width, height, data, channels: 3, depth: 8 })
  const mixed = new Uint8Array(width * height * 4)
  for (let n = 0; n < width * height; n++) {
    mixed.set(data.subarray(n * 3, n * 3 + 3), n * 4)
    mixed[n * 4 + 3] = alpha[n]!
  }
  return encode({ width, height, data: mixed, channels: 4, depth: 8 })
}

/** Writes an image as PNG; the file appears under its name only when complete. Throws a DataError when it cannot. */
export async function writePng(path: string, image: RgbImage): Promise<void> {
  await writeFileAtomically(path, [encodePng(image)])
}
