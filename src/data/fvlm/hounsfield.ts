/** CT-RATE's intensities: stored numbers to HU, and the trap of doing that twice. */
import { DataError } from '../errors.js'
import { contiguous, type Volume, volumeName } from '../volume.js'

/** Air and lung in HU. */
const airy = [-1100, -500] as const

/** Less of a chest scan than this part never is air or lung. */
const leastAir = 0.01

/** Part of the finite voxels from `low` to `high`, both included. */
function share({ data }: Volume, low: number, high: number): number {
  let [inside, finite] = [0, 0]
  for (let n = 0; n < data.length; n++) {
    const value = data[n]!
    if (!Number.isFinite(value)) continue
    finite++
    if (value >= low && value <= high) inside++
  }
  return finite === 0 ? 0 : inside / finite
}

/**
 * Throws a DataError for a scan that cannot be in HU: no air and lung around -1000 to -500. Says whether it looks as if
 * RescaleSlope and RescaleIntercept had been applied twice, or not at all; either would be scored as disease.
 */
export function checkHounsfield(scan: Volume): void {
  const volume = contiguous(scan)
  if (share(volume, ...airy) >= leastAir) return
  const path = volumeName(scan)
  if (share(volume, -12000, -1500) > 0.2) {
    throw new DataError('looks rescaled twice: most of it is far below -1000 HU, and nothing is air or lung', {
      path,
      remedy: "CT-RATE's 'fixed' volumes are in HU already; do not apply slope and intercept again",
    })
  }
  throw new DataError('is not in HU: less than 1 % lies from -1100 to -500, where air and lung are', {
    path,
    remedy: 'Apply RescaleSlope and RescaleIntercept of its metadata, or switch the check off if it shows no chest',
  })
}

/**
 * Stored numbers of CT-RATE's original volumes to HU in int16, by RescaleSlope and RescaleIntercept of its metadata.
 * Throws a DataError for a volume that is in HU already.
 */
export function rescaleToHounsfield(
  stored: Volume,
  { slope, intercept }: { readonly slope: number; readonly intercept: number },
): Volume {
  const path = volumeName(stored)
  if (!Number.isFinite(slope) || slope === 0 || !Number.isFinite(intercept)) {
    throw new DataError(`slope ${slope} and intercept ${intercept} cannot rescale a scan`, { path })
  }
  const volume = contiguous(stored)
  if (intercept <= -500 && share(volume, ...airy) >= leastAir) {
    throw new DataError(`is in HU already, an intercept of ${intercept} would spoil it`, {
      path,
      remedy: "Leave slope and intercept away, as for CT-RATE's 'fixed' volumes",
    })
  }
  return { ...volume, data: Int16Array.from(volume.data, (value) => value * slope + intercept) }
}
