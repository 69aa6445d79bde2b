import { DataError } from '../errors.js'

/** The fields of an NRRD header, under their usual names. */
export interface NrrdFields {
  get(name: string): string | undefined
  /** Throws a DataError when the field is missing. */
  required(name: string): string
  keyValues: Record<string, string>
}

/** Other spellings that the format allows. */
const synonyms: Record<string, string> = {
  datafile: 'data file',
  lineskip: 'line skip',
  byteskip: 'byte skip',
  centerings: 'centers',
}

/** Splits header lines into fields, key/value pairs and comments. The first line is the magic, the last is blank. */
export function parseFields(lines: readonly string[], path: string): NrrdFields {
  if (!/^NRRD000[1-6]$/.test(lines[0] ?? '')) {
    throw new DataError(`begins with '${(lines[0] ?? '').slice(0, 20)}' instead of NRRD0001 to NRRD0006`, { path })
  }
  const fields = new Map<string, string>()
  const keyValues: Record<string, string> = {}
  for (const [number, line] of lines.entries()) {
    if (number === 0 || line === '' || line.startsWith('#')) continue
    const pair = /^([^:]+?):=(.*)$/.exec(line)
    if (pair !== null) {
      Object.defineProperty(keyValues, pair[1]!, {
        value: pair[2]!,
        enumerable: true,
        writable: true,
        configurable: true,
      })
      continue
    }
    const field = /^([^:]+): ?(.*)$/.exec(line)
    if (field === null) throw new DataError(`line ${number + 1} of the header is no field`, { path })
    const name = field[1]!.trim().toLowerCase()
    const known = synonyms[name] ?? name
    if (fields.has(known)) throw new DataError(`the header has the field '${known.slice(0, 40)}' twice`, { path })
    fields.set(known, field[2]!.trim())
  }
  return {
    get: (name) => fields.get(name),
    required(name) {
      const value = fields.get(name)
      if (value === undefined) throw new DataError(`the header has no field '${name}'`, { path })
      return value
    },
    keyValues,
  }
}
