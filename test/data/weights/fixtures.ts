import { readFileSync } from 'node:fs'

const file = new URL('./fixtures.json', import.meta.url)
const fixtures = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Record<string, string>>

/** A small file as another program wrote it; make-fixtures.py says which. */
export function fixture(group: string, name: string): Uint8Array {
  return new Uint8Array(Buffer.from(fixtures[group]![name]!, 'base64'))
}

export function fixtureNames(group: string): string[] {
  return Object.keys(fixtures[group]!)
}

export function joined(...pieces: (Uint8Array | readonly number[] | string)[]): Uint8Array {
  return new Uint8Array(Buffer.concat(pieces.map((piece) => Buffer.from(piece as string))))
}
