import { deflateRawSync } from 'node:zlib'

/** A small DICOM writer: explicit or implicit little-endian, or explicit big-endian, with sequences. */
export type DicomValue = string | number | number[] | Uint8Array | DicomItem[]
/** Elements by tag, such as '00280010', in ascending order. */
export type DicomItem = Record<string, [vr: string, value: DicomValue]>

const LONG_VRS = new Set(['OB', 'OW', 'SQ', 'UN', 'UT'])

export const EXPLICIT_LITTLE = '1.2.840.10008.1.2.1'
export const IMPLICIT_LITTLE = '1.2.840.10008.1.2'
export const EXPLICIT_BIG = '1.2.840.10008.1.2.2'
export const DEFLATED = '1.2.840.10008.1.2.1.99'

interface Encoding {
  explicit: boolean
  little: boolean
}

function numberBytes(vr: string, values: number[], little: boolean): Uint8Array {
  const width = { US: 2, SS: 2, UL: 4, FD: 8 }[vr]!
  const bytes = new Uint8Array(width * values.length)
  const view = new DataView(bytes.buffer)
  values.forEach((value, n) => {
    if (vr === 'US') view.setUint16(n * 2, value, little)
    else if (vr === 'SS') view.setInt16(n * 2, value, little)
    else if (vr === 'UL') view.setUint32(n * 4, value, little)
    else view.setFloat64(n * 8, value, little)
  })
  return bytes
}

function valueBytes(vr: string, value: DicomValue, encoding: Encoding): Uint8Array {
  if (value instanceof Uint8Array) return value
  if (typeof value === 'string') {
    const padding = vr === 'UI' ? '\0' : ' '
    return new TextEncoder().encode(value.length % 2 === 1 ? value + padding : value)
  }
  if (typeof value === 'number') return numberBytes(vr, [value], encoding.little)
  if (vr !== 'SQ') return numberBytes(vr, value as number[], encoding.little)
  return joined(
    (value as DicomItem[]).flatMap((item) => {
      const content = elements(item, encoding)
      return [tagBytes('fffee000', encoding), lengthBytes(content.length, encoding), content]
    }),
  )
}

const tagBytes = (tag: string, { little }: Encoding) =>
  numberBytes('US', [Number.parseInt(tag.slice(0, 4), 16), Number.parseInt(tag.slice(4), 16)], little)

const lengthBytes = (length: number, { little }: Encoding) => numberBytes('UL', [length], little)

function elements(item: DicomItem, encoding: Encoding): Uint8Array {
  return joined(
    Object.entries(item).flatMap(([tag, [vr, value]]) => {
      const bytes = valueBytes(vr, value, encoding)
      if (!encoding.explicit) return [tagBytes(tag, encoding), lengthBytes(bytes.length, encoding), bytes]
      const name = new TextEncoder().encode(vr)
      const length = LONG_VRS.has(vr)
        ? [new Uint8Array(2), lengthBytes(bytes.length, encoding)]
        : [numberBytes('US', [bytes.length], encoding.little)]
      return [tagBytes(tag, encoding), name, ...length, bytes]
    }),
  )
}

function joined(parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** A Part 10 file. */
export function dicomBytes(item: DicomItem, transferSyntax: string = EXPLICIT_LITTLE): Uint8Array {
  const meta = elements({ '00020010': ['UI', transferSyntax] }, { explicit: true, little: true })
  const preamble = new Uint8Array(132)
  preamble.set(new TextEncoder().encode('DICM'), 128)
  const group = elements({ '00020000': ['UL', meta.length] }, { explicit: true, little: true })
  const encoding = { explicit: transferSyntax !== IMPLICIT_LITTLE, little: transferSyntax !== EXPLICIT_BIG }
  const sorted = Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
  const content = elements(sorted, encoding)
  return joined([preamble, group, meta, transferSyntax === DEFLATED ? deflateRawSync(content) : content])
}

/** A CT slice of 4 columns and 3 rows, unsigned 12 bits, HU = stored - 1024; stored values 100 n + 0 ... 11. */
export function ctSlice(n: number, changes: DicomItem = {}, transferSyntax: string = EXPLICIT_LITTLE): Uint8Array {
  const stored = Uint16Array.from({ length: 12 }, (_, at) => 100 * n + at)
  const pixels = new Uint8Array(stored.buffer)
  if (transferSyntax === EXPLICIT_BIG) Buffer.from(pixels.buffer).swap16()
  return dicomBytes(
    {
      '00080008': ['CS', 'ORIGINAL\\PRIMARY\\AXIAL'],
      '00080016': ['UI', '1.2.840.10008.5.1.4.1.1.2'],
      '00080018': ['UI', `1.2.3.4.${n}`],
      '00080060': ['CS', 'CT'],
      '0008103e': ['LO', 'chest'],
      '00180050': ['DS', '2.5'],
      '0020000d': ['UI', '1.2.3'],
      '0020000e': ['UI', '1.2.3.4'],
      '00200013': ['IS', String(n + 1)],
      '00200032': ['DS', `-10\\-20\\${100 + 2.5 * n}`],
      '00200037': ['DS', '1\\0\\0\\0\\1\\0'],
      '00200052': ['UI', '1.2.3.9'],
      '00280002': ['US', 1],
      '00280004': ['CS', 'MONOCHROME2'],
      '00280010': ['US', 3],
      '00280011': ['US', 4],
      '00280030': ['DS', '0.75\\0.5'],
      '00280100': ['US', 16],
      '00280101': ['US', 12],
      '00280102': ['US', 11],
      '00280103': ['US', 0],
      '00281052': ['DS', '-1024'],
      '00281053': ['DS', '1'],
      '7fe00010': ['OW', pixels],
      ...changes,
    },
    transferSyntax,
  )
}

/** A zip archive of stored files. */
export function zipBytes(files: Record<string, Uint8Array>, crc32: (bytes: Uint8Array) => number): Uint8Array {
  const parts: Uint8Array[] = []
  const directory: Uint8Array[] = []
  let position = 0
  for (const [name, content] of Object.entries(files)) {
    const encoded = new TextEncoder().encode(name)
    const common = new Uint8Array(26)
    const view = new DataView(common.buffer)
    view.setUint16(0, 20, true)
    view.setUint32(10, crc32(content), true)
    view.setUint32(14, content.length, true)
    view.setUint32(18, content.length, true)
    view.setUint16(22, encoded.length, true)
    const local = joined([Uint8Array.of(0x50, 0x4b, 3, 4), common, encoded, content])
    const tail = new Uint8Array(14)
    new DataView(tail.buffer).setUint32(10, position, true)
    directory.push(joined([Uint8Array.of(0x50, 0x4b, 1, 2, 20, 0), common, tail, encoded]))
    parts.push(local)
    position += local.length
  }
  const table = joined(directory)
  const end = new Uint8Array(22)
  const view = new DataView(end.buffer)
  view.setUint32(0, 0x06054b50, true)
  view.setUint16(8, directory.length, true)
  view.setUint16(10, directory.length, true)
  view.setUint32(12, table.length, true)
  view.setUint32(16, position, true)
  return joined([...parts, table, end])
}
