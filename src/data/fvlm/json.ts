import { DataError } from '../errors.js'
import { findDuplicateKey } from '../strict-json.js'

/** Parses JSON of a named file. Throws a DataError for text that is none, or has a key twice in one object. */
export function parseJson(text: string, path: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new DataError('is not JSON', { path, cause })
  }
  const twice = findDuplicateKey(text)
  if (twice !== undefined) throw new DataError(`the key '${twice}' occurs twice in one object`, { path })
  return value
}
