import { gzipSync } from 'node:zlib'

/** A header of lines before raw bytes. */
export function withHeader(lines: readonly string[], data: Uint8Array, newline = '\n'): Uint8Array {
  const header = new TextEncoder().encode(lines.map((line) => line + newline).join(''))
  const bytes = new Uint8Array(header.length + data.length)
  bytes.set(header)
  bytes.set(data, header.length)
  return bytes
}

/** Lines of an NRRD header, by field; undefined leaves a field out. */
export function nrrdLines(changes: Record<string, string | undefined> = {}): string[] {
  const fields: Record<string, string | undefined> = {
    type: 'short',
    dimension: '3',
    space: 'left-posterior-superior',
    sizes: '2 3 4',
    'space directions': '(1,0,0) (0,2,0) (0,0,3)',
    endian: 'little',
    encoding: 'raw',
    'space origin': '(10,20,30)',
    ...changes,
  }
  const lines = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]))
  return ['NRRD0004', '# made by a test', ...lines]
}

/** An NRRD file; 24 voxels of int16 0, 1, 2, ... unless other bytes are given. */
export function nrrdBytes(changes: Record<string, string | undefined> = {}, data: Uint8Array = counting()): Uint8Array {
  const packed = changes.encoding === 'gzip' ? new Uint8Array(gzipSync(data)) : data
  return withHeader([...nrrdLines(changes), ''], packed)
}

/** Lines of a MetaImage header, by field; undefined leaves a field out. */
export function metaImageLines(changes: Record<string, string | undefined> = {}): string[] {
  const { ElementDataFile = 'LOCAL', ...others } = changes
  const fields: Record<string, string | undefined> = {
    ObjectType: 'Image',
    NDims: '3',
    BinaryData: 'True',
    BinaryDataByteOrderMSB: 'False',
    TransformMatrix: '1 0 0 0 1 0 0 0 1',
    Offset: '10 20 30',
    ElementSpacing: '1 2 3',
    DimSize: '2 3 4',
    ElementType: 'MET_SHORT',
    ...others,
  }
  const lines = Object.entries(fields).flatMap(([name, value]) => (value === undefined ? [] : [`${name} = ${value}`]))
  return [...lines, `ElementDataFile = ${ElementDataFile}`]
}

/** A MetaImage file with the voxels that `nrrdBytes` has. */
export function metaImageBytes(
  changes: Record<string, string | undefined> = {},
  data: Uint8Array = counting(),
): Uint8Array {
  return withHeader(metaImageLines(changes), data)
}

export function counting(count = 24): Uint8Array {
  return new Uint8Array(Int16Array.from({ length: count }, (_, n) => n).buffer)
}
