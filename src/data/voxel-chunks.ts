import { copyStrided } from './strided-copy.js'
import { fortranOrderStrides, type Volume } from './volume.js'
import { allocateVoxels, voxelType } from './voxels.js'

/** Bytes of a chunk, unless one slice is larger. */
const CHUNK_BYTES = 2 ** 22

/** The voxels in the order of image files (first axis fastest, little-endian), a few slices at a time. */
export function* voxelChunks(volume: Volume): Generator<Uint8Array> {
  const [width, height, depth] = volume.shape
  const { BYTES_PER_ELEMENT: itemBytes } = volume.data
  const slices = Math.max(1, Math.floor(CHUNK_BYTES / (width * height * itemBytes)))
  for (let first = 0; first < depth; first += slices) {
    const shape = [width, height, Math.min(slices, depth - first)] as const
    const data = allocateVoxels(voxelType(volume.data), width * height * shape[2])
    const offset = volume.offset + first * volume.strides[2]
    copyStrided({ ...volume, offset }, { data, strides: fortranOrderStrides([...shape]), offset: 0 }, [...shape])
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  }
}
