import { compressed } from '../compress.js'
import { writeFileAtomically } from '../files.js'
import { affineColumn } from '../geometry.js'
import { spacingMm, type Volume, validateVolume } from '../volume.js'
import { voxelChunks } from '../voxel-chunks.js'
import { type VoxelType, voxelType } from '../voxels.js'
import { betweenRasAnd } from '../world-frames.js'

export interface WriteMetaImageOptions {
  /** Compress with zlib. Default true. */
  compress?: boolean
}

const typeNames: Record<VoxelType, string> = {
  int8: 'MET_CHAR',
  uint8: 'MET_UCHAR',
  int16: 'MET_SHORT',
  uint16: 'MET_USHORT',
  int32: 'MET_INT',
  uint32: 'MET_UINT',
  float32: 'MET_FLOAT',
  float64: 'MET_DOUBLE',
}

/**
 * Writes one `.mha` file, little-endian, in ITK's left-posterior-superior frame. Numbers of the geometry keep all their
 * digits. The file appears under its name only when complete. Throws a DataError when it cannot be written.
 */
export async function writeMetaImage(path: string, volume: Volume, options: WriteMetaImageOptions = {}): Promise<void> {
  validateVolume(volume)
  await writeFileAtomically(path, chunks(volume, options.compress ?? true))
}

async function* chunks(volume: Volume, compress: boolean): AsyncGenerator<Uint8Array> {
  if (!compress) {
    yield new TextEncoder().encode(headerText(volume, undefined))
    yield* voxelChunks(volume)
    return
  }
  // The header states how long the stream is, so that comes first.
  const packed: Uint8Array[] = []
  for await (const piece of compressed(voxelChunks(volume), 'zlib')) packed.push(piece)
  const bytes = packed.reduce((sum, piece) => sum + piece.length, 0)
  yield new TextEncoder().encode(headerText(volume, bytes))
  yield* packed
}

function headerText(volume: Volume, compressedBytes: number | undefined): string {
  const { data, shape, affine } = volume
  const spacing = spacingMm(volume)
  const inFrame = (axis: 0 | 1 | 2 | 3) => betweenRasAnd('LPS', affineColumn(affine, axis))
  const directions = ([0, 1, 2] as const).flatMap((axis) => inFrame(axis).map((mm) => mm / spacing[axis]))
  const lines = [
    'ObjectType = Image',
    'NDims = 3',
    'BinaryData = True',
    'BinaryDataByteOrderMSB = False',
    `CompressedData = ${compressedBytes === undefined ? 'False' : 'True'}`,
    ...(compressedBytes === undefined ? [] : [`CompressedDataSize = ${compressedBytes}`]),
    `TransformMatrix = ${directions.join(' ')}`,
    `Offset = ${inFrame(3).join(' ')}`,
    `ElementSpacing = ${spacing.join(' ')}`,
    `DimSize = ${shape.join(' ')}`,
    `ElementType = ${typeNames[voxelType(data)]}`,
    'ElementDataFile = LOCAL',
  ]
  return `${lines.join('\n')}\n`
}
