import { DataError, NotSupportedDataError } from '../errors.js'
import type { StoredDtype } from '../stored-voxels.js'
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
 * Files of the deflated syntax are not read: their pixels have no place in the file.
 */
export function checkFrame({ instance, index }: DicomFrame, frameBytes: number): void {
  const { file, fileBytes, pixels, transferSyntax } = instance
  if (plainSyntaxes[transferSyntax]?.deflated) {
    throw new NotSupportedDataError('deflated DICOM is not read', {
      path: file.name,
      remedy: 'Convert it with dcmconv +te of DCMTK',
    })
  }
  const needed = (index + 1) * frameBytes
  const there = Math.min(pixels.length ?? 0, fileBytes - pixels.offset)
  if (there >= needed) return
  throw new DataError(`frame ${index} needs ${needed} bytes of pixels, of which ${there} are there`, {
    path: file.name,
    remedy: 'The file is truncated or damaged; fetch it again',
  })
}

/** Fills `target` with the bytes of one frame as the file has them. */
export async function readFrame({ instance, index }: DicomFrame, target: Uint8Array): Promise<void> {
  await using source = await instance.file.open()
  await source.read(instance.pixels.offset + index * target.length, target)
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
