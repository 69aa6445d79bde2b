import { DataError } from '../errors.js'

/** A 0 or a 1 of a label table, which may be written `1.0`. Throws a DataError for anything else. */
export function parseLabel(text: string, column: string, row: string, path: string): number {
  const value = Number(text)
  if (text.trim() !== '' && (value === 0 || value === 1)) return value
  throw new DataError(`'${column}' of ${row} is '${text}', not 0 or 1`, { path })
}

/** Numbers written as `[0.34, 0.34]`, `(0.8, 0.8, 0.8)` or separated by spaces. Throws a DataError for another count. */
export function parseNumbers(text: string, count: number, name: string): number[] {
  const numbers = text
    .replace(/[[\](),]/g, ' ')
    .split(/\s+/)
    .filter((part) => part !== '')
    .map(Number)
  if (numbers.length === count && numbers.every(Number.isFinite)) return numbers
  throw new DataError(`${name} is '${text}', not ${count} numbers`)
}
