import { readFile } from 'node:fs/promises'
import { parseSafetensors } from '../../src/data/safetensors.js'
import { type SafetensorsHeader, toFloat32 } from '../../src/data/safetensors-dtypes.js'
import type { GoldenRow } from './types.js'

/** The tensors of a golden file, as numbers. */
export interface GoldenFile {
  /** Names behind a prefix such as `output.`. */
  names(prefix: string): string[]
  has(name: string): boolean
  entry(name: string): SafetensorsHeader
  values(name: string): Float64Array
}

export async function readGolden(path: string): Promise<GoldenFile> {
  const file = parseSafetensors(await readFile(path), path)
  return {
    names: (prefix) => file.names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)),
    has: (name) => file.names.includes(name),
    entry: (name) => file.header(name),
    values(name) {
      const tensor = file.read(name)
      return tensor.data instanceof Float64Array ? tensor.data : Float64Array.from(toFloat32(tensor))
    },
  }
}

/**
 * The acceptance rule of the golden data's README: ten times the error of the same computation in f32 on a CPU, but not
 * less than 4e-6 of the largest value, nor 1e-7. Integer results are exact.
 */
export function goldenBound(row: GoldenRow, name: string, want: ArrayLike<number>): number {
  const hint = row.tol[name] as { max?: number; f32?: number } | 'exact' | undefined
  if (hint === 'exact') return 0
  let largest = hint?.max
  if (largest === undefined) {
    largest = 0
    for (let i = 0; i < want.length; i++) largest = Math.max(largest, Math.abs(want[i]!))
  }
  return Math.max(10 * (hint?.f32 ?? 0), 4e-6 * largest, 1e-7)
}
