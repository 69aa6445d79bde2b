/** The structures of a phantom, with the numbers that TotalSegmentator's task `total`, version 2, gives them. */

/** Values of a phantom's mask. What is none of these (air, fat, muscle, couch) is 0. */
export const phantomOrgans = {
  spleen: 1,
  rightKidney: 2,
  leftKidney: 3,
  gallbladder: 4,
  liver: 5,
  stomach: 6,
  pancreas: 7,
  leftUpperLobe: 10,
  leftLowerLobe: 11,
  rightUpperLobe: 12,
  rightMiddleLobe: 13,
  rightLowerLobe: 14,
  oesophagus: 15,
  trachea: 16,
  smallBowel: 18,
  colon: 20,
  heart: 51,
  aorta: 52,
  atrialAppendage: 61,
  inferiorVenaCava: 63,
  portalVein: 64,
  spinalCord: 79,
  sternum: 116,
} as const

export type PhantomOrgan = keyof typeof phantomOrgans

/** Vertebrae T1 to L5 have 43 down to 27: of a level counted from T1 = 0. */
export const vertebraLabel = (level: number): number => 43 - Math.min(Math.max(level, 0), 16)

/** Ribs have 92 to 103 on the left, 104 to 115 on the right: of a rib counted from 0. */
export const ribLabel = (side: 'right' | 'left', rib: number): number =>
  (side === 'left' ? 92 : 104) + Math.min(Math.max(rib, 0), 11)

export const lungLobeLabels: readonly number[] = [
  phantomOrgans.leftUpperLobe,
  phantomOrgans.leftLowerLobe,
  phantomOrgans.rightUpperLobe,
  phantomOrgans.rightMiddleLobe,
  phantomOrgans.rightLowerLobe,
]

/**
 * Anatomies that a report of a phantom speaks of, under fVLM's names (`groupedLabels(2)` has their labels). Every phantom
 * that is not cut shows all of them.
 */
export const phantomAnatomies = [
  'lung',
  'heart',
  'aorta',
  'esophagus',
  'liver',
  'spleen',
  'kidney',
  'gallbladder',
  'pancreas',
  'stomach',
] as const

export type PhantomAnatomy = (typeof phantomAnatomies)[number]
