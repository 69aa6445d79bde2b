import { DataError } from '../errors.js'

/** The seeds of each split: ranges that do not meet, so that no phantom is in two of them. */
export const phantomSeedRanges = {
  train: { first: 0, count: 1e9 },
  validation: { first: 1e9, count: 1e9 },
  test: { first: 2e9, count: 1e9 },
} as const

export type PhantomSplit = keyof typeof phantomSeedRanges

/** Seeds of a split, from its `offset`-th on. Throws a DataError when the split has not so many. */
export function phantomSeeds(split: PhantomSplit, count: number, offset = 0): number[] {
  const { first, count: most } = phantomSeedRanges[split]
  const whole = [count, offset].every((value) => Number.isSafeInteger(value) && value >= 0)
  if (!whole || offset + count > most) {
    throw new DataError(`the ${split} split has no ${count} phantoms from ${offset} on`, {
      remedy: `It has ${most}, counted from 0`,
    })
  }
  return Array.from({ length: count }, (_, n) => first + offset + n)
}

/** The split that a seed belongs to; undefined for seeds beyond all of them. */
export function phantomSplitOf(seed: number): PhantomSplit | undefined {
  const splits = Object.keys(phantomSeedRanges) as PhantomSplit[]
  return splits.find((split) => {
    const { first, count } = phantomSeedRanges[split]
    return seed >= first && seed < first + count
  })
}
