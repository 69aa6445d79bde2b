import { DataError, NotSupportedDataError } from '../errors.js'
import type { StoredDtype } from '../stored-voxels.js'
import { readInflated } from './dataset.js'
import type { DicomFrame, DicomInstance } from './instance.js'

/** Transfer syntaxes whose pixels are plain numbers. */
const plainSyntaxes: Record<string, { littleEndian: boolean; deflated?: boolean }> = {
  '1.2.840.10008.1.2': { littleEndian: true },
  '1.2.840.10008.1.2.1': { littleEndian: true },
  '1.2.840.10008.1.2.1.99': { littleEndian: true, deflated: true },
  '1.2.840.10008.1.2.2': { littleEndian: false },
}

/** Whether the pixels have to be decompressed by another package. */
export function isCompressed({ transferSyntax }: DicomInstance): boolean {
  return plainSyntaxes[transferSyntax] === undefined
}

export function isLittleEndian({ transferSyntax }: DicomInstance): boolean {
  return plainSyntaxes[transferSyntax]?.littleEndian ?? true
}

/** Whether all of the file behind the meta header is one deflate stream. */
export function isDeflated({ transferSyntax }: DicomInstance): boolean {
  return plainSyntaxes[transferSyntax]?.deflated ?? false
}

/** The type that the pixels are stored in. Throws for depths that are not read. */
export function pixelDtype({ bitsAllocated, signed, samplesPerPixel, file }: DicomInstance): StoredDtype {
  const dtype = ({ 8: 'int8', 16: 'int16', 32: 'int32' } as const)[bitsAllocated]
  if (dtype === undefined || samplesPerPixel !== 1) {
    throw new NotSupportedDataError(`${samplesPerPixel} samples of ${bitsAllocated} bits per pixel are not read`, {
      path: file.name,
    })
  }
  return signed ? dtype : `u${dtype}`
}

/**
 * Checks, before any memory is taken, that the file holds the pixels of a frame. Throws a DataError when it does not.
 * What a deflated file holds shows when it is unpacked. Throws a NotSupportedDataError for several frames in one of these.
 */
export function checkFrame({ instance, index }: DicomFrame, frameBytes: number): void {
  const { file, fileBytes, pixels, frames } = instance
  const deflated = isDeflated(instance)
  if (deflated && frames.length > 1) {
    throw new NotSupportedDataError('deflated files of several frames are not read', {
      path: file.name,
      remedy: 'Convert it with dcmconv +te of DCMTK',
    })
  }
  const needed = (index + 1) * frameBytes
  const there = Math.min(pixels.length ?? 0, deflated ? Number.POSITIVE_INFINITY : fileBytes - pixels.offset)
  if (there < needed) throw shortFrame(instance, index, needed, there)
}

/** Fills `target` with the bytes of one frame as the file has them. Throws a DataError when they are not there. */
export async function readFrame({ instance, index }: DicomFrame, target: Uint8Array): Promise<void> {
  await using source = await instance.file.open()
  const { offset } = instance.pixels
  if (!isDeflated(instance)) {
    await source.read(offset + index * target.length, target)
    return
  }
  const pixels = (await readInflated(source)).subarray(offset, offset + target.length)
  if (pixels.length < target.length) throw shortFrame(instance, index, target.length, pixels.length)
  target.set(pixels)
}

function shortFrame({ file }: DicomInstance, index: number, needed: number, there: number): DataError {
  return new DataError(`frame ${index} needs ${needed} bytes of pixels, of which ${there} are there`, {
    path: file.name,
    remedy: 'The file is truncated or damaged; fetch it again',
  })
}

export type IntegerArray = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array

/**
 * Puts stored values, right-aligned, where they belong: what lies above the high bit (old files keep overlays there)
 * goes, and negative numbers shorter than their storage get their sign.
 */
export function alignBits(values: IntegerArray, { bitsAllocated, bitsStored, highBit, signed }: DicomInstance): void {
  if (bitsStored === bitsAllocated) return
  const left = 31 - highBit
  const right = 32 - bitsStored
  for (let n = 0; n < values.length; n++) {
    const shifted = values[n]! << left
    values[n] = signed ? shifted >> right : shifted >>> right
  }
}
