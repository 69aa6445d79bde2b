import type { DicomInstance } from './instance.js'

/**
 * One compressed frame as a DICOM file of its own (explicit little-endian header) with nothing in it but what tells a
 * decoder how to unpack it: so files that carry more frames, or trailing bytes, or a scaling, all decode alike. Slices
 * of growing `place` lie above each other.
 */
export function singleFrameFile(instance: DicomInstance, place: number, pieces: readonly Uint8Array[]): Uint8Array {
  const { transferSyntax, rows, columns, bitsAllocated, bitsStored, highBit, signed } = instance
  const uid = `${SERIES}.${place + 1}`
  const meta = joined([
    element('00020002', 'UI', CT_IMAGE),
    element('00020003', 'UI', uid),
    element('00020010', 'UI', transferSyntax),
  ])
  return joined([
    new Uint8Array(128),
    new TextEncoder().encode('DICM'),
    element('00020000', 'UL', uint32(meta.length)),
    meta,
    element('00080016', 'UI', CT_IMAGE),
    element('00080018', 'UI', uid),
    element('00080060', 'CS', 'CT'),
    element('0020000d', 'UI', SERIES),
    element('0020000e', 'UI', SERIES),
    element('00200013', 'IS', String(place + 1)),
    element('00200032', 'DS', `0\\0\\${place}`),
    element('00200037', 'DS', '1\\0\\0\\0\\1\\0'),
    element('00280002', 'US', uint16(1)),
    element('00280004', 'CS', 'MONOCHROME2'),
    element('00280010', 'US', uint16(rows)),
    element('00280011', 'US', uint16(columns)),
    element('00280030', 'DS', '1\\1'),
    element('00280100', 'US', uint16(bitsAllocated)),
    element('00280101', 'US', uint16(bitsStored)),
    element('00280102', 'US', uint16(highBit)),
    element('00280103', 'US', uint16(signed ? 1 : 0)),
    element('00281052', 'DS', '0'),
    element('00281053', 'DS', '1'),
    tagBytes('7fe00010'),
    new TextEncoder().encode('OB\0\0'),
    uint32(0xffffffff),
    tagBytes('fffee000'),
    uint32(0),
    ...pieces.flatMap((piece) => [tagBytes('fffee000'), uint32(piece.length), piece]),
    tagBytes('fffee0dd'),
    uint32(0),
  ])
}

const CT_IMAGE = '1.2.840.10008.5.1.4.1.1.2'
/** Made up: nobody sees it. */
const SERIES = '2.25.1'

function element(tag: string, representation: string, value: string | Uint8Array): Uint8Array {
  const padding = representation === 'UI' ? '\0' : ' '
  const bytes =
    typeof value === 'string' ? new TextEncoder().encode(value.length % 2 === 1 ? value + padding : value) : value
  return joined([tagBytes(tag), new TextEncoder().encode(representation), uint16(bytes.length), bytes])
}

function tagBytes(tag: string): Uint8Array {
  return joined([uint16(Number.parseInt(tag.slice(0, 4), 16)), uint16(Number.parseInt(tag.slice(4), 16))])
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >>> 8)
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
