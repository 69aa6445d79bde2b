/**
 * Which variants were measured to be the fastest, by kind of device. Made by `npm run tune:ship` from files of
 * `voxgrad tune --export`; not to be edited by hand. Where nothing was measured the table is empty, and the order of a
 * kernel's variants decides.
 */
import type { PreferenceTable } from '../engine/index.js'

export interface MeasuredTable {
  /** Adapters and packages that it was measured with; undefined where nothing was. */
  readonly measuredOn?: string
  readonly preferences: PreferenceTable
}

export const shippedTables: Readonly<Record<string, MeasuredTable>> = {
  software: { preferences: {} },
  nvidia: { preferences: {} },
  apple: { preferences: {} },
  intel: { preferences: {} },
  amd: { preferences: {} },
}
