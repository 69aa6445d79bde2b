import { DataError } from '../errors.js'
import { readFileBytes, writeFileAtomically } from '../files.js'

/** The text of a file. Throws a DataError when it cannot be read or is not UTF-8. */
export async function readText(path: string): Promise<string> {
  const bytes = await readFileBytes(path)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new DataError('is not UTF-8 text', { path, cause })
  }
}

/** The value of a JSON text. Throws a DataError that begins with `path`. */
export function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DataError(`is not JSON: ${cause instanceof Error ? cause.message : cause}`, { path, cause })
  }
}

export async function readJson(path: string): Promise<unknown> {
  return parseJson(await readText(path), path)
}

/** Writes a text so that the file appears under its name only when complete. Throws a DataError when it cannot. */
export async function writeTextAtomically(path: string, text: string): Promise<void> {
  await writeFileAtomically(path, [new TextEncoder().encode(text)])
}
