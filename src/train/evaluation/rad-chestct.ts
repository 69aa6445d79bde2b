import { ValueError } from '../../engine/errors.js'

/** Findings of CT-RATE without a label of their own in RAD-ChestCT: the first is merged into another, the second dropped. */
const merged = { from: 'Coronary artery wall calcification', into: 'Arterial wall calcification' } as const
const dropped = 'Mosaic attenuation pattern'

/**
 * Predictions for the 18 findings of CT-RATE as the 16 of RAD-ChestCT, by CT-CLIP's protocol (reference §6.1): arterial
 * calcification is the higher of arterial and coronary, mosaic attenuation is left out. Labels: `radChestCtAsCtRate`.
 * Throws a ValueError when one of the two calcifications is missing.
 */
export function mergeForRadChestCt(predictions: Readonly<Record<string, number>>): Record<string, number> {
  const [coronary, arterial] = [predictions[merged.from], predictions[merged.into]]
  if (coronary === undefined || arterial === undefined) {
    throw new ValueError(
      `mergeForRadChestCt: there is no prediction for '${coronary === undefined ? merged.from : merged.into}'`,
    )
  }
  const kept = Object.entries(predictions).filter(([finding]) => finding !== merged.from && finding !== dropped)
  return { ...Object.fromEntries(kept), [merged.into]: Math.max(coronary, arterial) }
}
