import type { Triple } from '../../geometry.js'
import type { PhantomSplit } from '../splits.js'
import type { PhantomCase, PhantomStudy } from '../study.js'

/** A phantom's place in its split. */
export interface PhantomEntry {
  readonly split: PhantomSplit
  /** From 0, in the split. */
  readonly number: number
  readonly entry: PhantomCase
}

/** How phantoms lie on disk. Paths are relative to the folder, with slashes. */
export interface PhantomLayout {
  readonly splits: readonly PhantomSplit[]
  /** What holds the voxels of a phantom; the last is written last, so that it being there tells that all are. */
  images(split: PhantomSplit, number: number): readonly string[]
  /** Writes the voxels; every path appears only when it is complete. */
  write(
    folder: string,
    place: { readonly split: PhantomSplit; readonly number: number },
    study: PhantomStudy,
  ): Promise<void>
  /** Tables and texts by path, of all phantoms of the folder. */
  tables(entries: readonly PhantomEntry[], spacingMm: Readonly<Triple>): Record<string, string>
}

/** Rows as CSV (RFC 4180). */
export function csvText(rows: readonly (readonly (string | number)[])[]): string {
  const field = (value: string | number) =>
    /[",\r\n]/.test(`${value}`) ? `"${`${value}`.replaceAll('"', '""')}"` : `${value}`
  return rows.map((row) => `${row.map(field).join(',')}\n`).join('')
}

export const jsonText = (value: unknown): string => `${JSON.stringify(value, undefined, 1)}\n`

/** Entries by split, in the order given. */
export function bySplit(entries: readonly PhantomEntry[], split: PhantomSplit): readonly PhantomEntry[] {
  return entries.filter((entry) => entry.split === split)
}
