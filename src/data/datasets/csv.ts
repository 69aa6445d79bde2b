import { createReadStream } from 'node:fs'
import type { Duplex } from 'node:stream'
import { DataError } from '../errors.js'
import { fileError } from '../files.js'

/** A row by column. */
export type CsvRow = Readonly<Record<string, string>>

/** Longer rows are not data but a quote that never closes. */
const MOST_ROW_CHARACTERS = 10_000_000

/** What is used of csv-parse, so that its types are not needed to build against this package. */
interface CsvLibrary {
  parse(options: Record<string, unknown>): Duplex
}

async function csvLibrary(path: string): Promise<CsvLibrary> {
  try {
    return (await import('csv-parse')) as unknown as CsvLibrary
  } catch (cause) {
    throw new DataError('reading CSV needs the optional package csv-parse', {
      path,
      remedy: 'Install it: npm install csv-parse@7',
      cause,
    })
  }
}

/**
 * Streams the rows of a CSV file (RFC 4180: quoted fields may hold commas, quotes and line ends; a byte order mark is
 * dropped). Throws a DataError that names the file and the line for a file that cannot be read, without one of the
 * `required` columns, with a column twice, or with a row of another length.
 */
export async function* readCsv(path: string, required: readonly string[]): AsyncGenerator<CsvRow> {
  const { parse } = await csvLibrary(path)
  const file = createReadStream(path)
  const parser = parse({
    bom: true,
    columns: (header: string[]) => checkHeader(header, required, path),
    max_record_size: MOST_ROW_CHARACTERS,
    skip_empty_lines: true,
  })
  file.on('error', (cause) => parser.destroy(fileError('read', path, cause)))
  try {
    for await (const row of file.pipe(parser) as AsyncIterable<CsvRow>) yield row
  } catch (cause) {
    if (cause instanceof DataError) throw cause
    throw new DataError(`is no CSV table: ${cause instanceof Error ? cause.message : cause}`, { path, cause })
  } finally {
    file.destroy()
  }
}

function checkHeader(header: readonly string[], required: readonly string[], path: string): string[] {
  const names = header.map((name) => name.trim())
  const twice = names.find((name, n) => name !== '' && names.indexOf(name) !== n)
  if (twice !== undefined) throw new DataError(`has the column '${twice}' twice`, { path })
  const missing = required.filter((name) => !names.includes(name))
  if (missing.length > 0) {
    throw new DataError(`lacks the column${missing.length === 1 ? '' : 's'} ${missing.join(', ')}`, {
      path,
      remedy: `It has: ${names.slice(0, 12).join(', ')}`,
    })
  }
  // The nameless first column is the row number that pandas writes.
  return names.map((name, n) => (name === '' ? `column ${n}` : name))
}
