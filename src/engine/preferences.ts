/** Tables of preferred variants, as the tuner makes them and packages ship them. */
import type { VariantPreferences } from './kernel.js'

/** By kernel and bucket: names of variants, the best first. */
export type PreferenceTable = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>

const none: readonly string[] = []

/** What a table says of a kind of problem; undefined where it says nothing. */
export function lookUp(table: PreferenceTable, kernel: string, bucket: string): readonly string[] | undefined {
  const buckets = Object.hasOwn(table, kernel) ? table[kernel]! : {}
  return Object.hasOwn(buckets, bucket) ? buckets[bucket] : undefined
}

/** Preferences of several tables: of those that know a kind of problem, the first answers. */
export function preferencesOf(tables: readonly PreferenceTable[], origin: string): VariantPreferences {
  return {
    preferred(kernel, bucket) {
      for (const table of tables) {
        const names = lookUp(table, kernel, bucket)
        if (names) return names
      }
      return none
    },
    describe: () => origin,
  }
}

/** Kinds of problems in a table. */
export function countBuckets(table: PreferenceTable): number {
  return Object.values(table).reduce((count, buckets) => count + Object.keys(buckets).length, 0)
}

/**
 * A size as the exponent of the power of two below it, for `bucket` of a kernel: sizes up to double have it in common.
 * Called at every dispatch, hence no logarithm.
 */
export function magnitudeOf(size: number): number {
  if (size < 2 ** 32) return Math.max(0, 31 - Math.clz32(size))
  return 32 + magnitudeOf(size / 2 ** 32)
}
