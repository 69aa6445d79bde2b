import { encode } from 'fast-png'
import { writeFileAtomically } from '../files.js'
import type { RgbImage } from './canvas.js'

/** Writes an image as PNG; the file appears under its name only when complete. Throws a DataError when it cannot. */
export async function writePng(path: string, image: RgbImage): Promise<void> {
  const { width, height, data } = image
  await writeFileAtomically(path, [encode({ width, height, data, channels: 3, depth: 8 })])
}
