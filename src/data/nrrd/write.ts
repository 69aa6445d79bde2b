import { compressed } from '../compress.js'
import { DataError } from '../errors.js'
import { writeFileAtomically } from '../files.js'
import { affineColumn } from '../geometry.js'
import { type Volume, validateVolume } from '../volume.js'
import { voxelChunks } from '../voxel-chunks.js'
import { type VoxelType, voxelType } from '../voxels.js'
import { betweenRasAnd } from '../world-frames.js'

export interface WriteNrrdOptions {
  /** Compress with gzip. Default true. */
  gzip?: boolean
}

const typeNames: Record<VoxelType, string> = {
  int8: 'int8',
  uint8: 'uint8',
  int16: 'int16',
  uint16: 'uint16',
  int32: 'int32',
  uint32: 'uint32',
  float32: 'float',
  float64: 'double',
}

/**
 * Writes one `.nrrd` file, little-endian, in the left-posterior-superior frame that ITK and 3D Slicer use. Numbers of
 * the geometry keep all their digits. Content and key/value pairs of a volume read from NRRD are kept. The file appears
 * under its name only when complete. Throws a DataError when it cannot be written.
 */
export async function writeNrrd(path: string, volume: Volume, options: WriteNrrdOptions = {}): Promise<void> {
  validateVolume(volume)
  await writeFileAtomically(path, chunks(volume, options.gzip ?? true))
}

async function* chunks(volume: Volume, gzip: boolean): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(headerText(volume, gzip))
  yield* gzip ? compressed(voxelChunks(volume)) : voxelChunks(volume)
}

function headerText({ data, shape, affine, source }: Volume, gzip: boolean): string {
  const vector = (axis: 0 | 1 | 2 | 3) => `(${betweenRasAnd('LPS', affineColumn(affine, axis)).join(',')})`
  const lines = [
    'NRRD0004',
    `type: ${typeNames[voxelType(data)]}`,
    'dimension: 3',
    'space: left-posterior-superior',
    `sizes: ${shape.join(' ')}`,
    `space directions: ${vector(0)} ${vector(1)} ${vector(2)}`,
    'kinds: domain domain domain',
    'endian: little',
    `encoding: ${gzip ? 'gzip' : 'raw'}`,
    `space origin: ${vector(3)}`,
  ]
  if (source?.description) lines.push(`content: ${oneLine(source.description)}`)
  const pairs = source?.format === 'nrrd' ? Object.entries(source.keyValues) : []
  for (const [key, value] of pairs) {
    if (key.includes(':=')) throw new DataError(`the key '${key}' cannot be written to NRRD`)
    lines.push(`${oneLine(key)}:=${oneLine(value)}`)
  }
  return `${lines.join('\n')}\n\n`
}

const oneLine = (text: string) => text.replace(/[\r\n]+/g, ' ')
