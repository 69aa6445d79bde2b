/** CT-RATE's intensities: stored numbers to HU, and the trap of doing that twice. */
import { DataError } from '../errors.js'
import { contiguous, type Volume, volumeName } from '../volume.js'

/** Air and lung, and soft tissue, in HU. Rescaling by -1024 takes the one to where the other was. */
const airHu = [-1100, -500] as const
const tissueHu = [-200, 300] as const

/** Every chest scan has at least this part of each. */
const leastShare = 0.01

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

const isHounsfield = (volume: Volume): boolean =>
  share(volume, ...airHu) >= leastShare && share(volume, ...tissueHu) >= leastShare

/**
 * Throws a DataError for a scan that cannot be in HU: it lacks air and lung, or soft tissue. Says whether it looks as if
 * RescaleSlope and RescaleIntercept had been applied twice, or not at all; either would be scored as disease.
 */
export function checkHounsfield(scan: Volume): void {
  const volume = contiguous(scan)
  if (isHounsfield(volume)) return
  const path = volumeName(scan)
  if (share(volume, ...tissueHu) < leastShare && share(volume, Number.NEGATIVE_INFINITY, -1200) > 0.2) {
    throw new DataError('looks rescaled twice: much of it is below -1200 HU, and nothing is soft tissue', {
      path,
      remedy: "CT-RATE's 'fixed' volumes are in HU already; do not apply slope and intercept again",
    })
  }
  throw new DataError('is not in HU: less than 1 % is air and lung (-1100 to -500) or soft tissue (-200 to 300)', {
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
  if (intercept <= -500 && isHounsfield(volume)) {
    throw new DataError(`is in HU already, an intercept of ${intercept} would spoil it`, {
      path,
      remedy: "Leave slope and intercept away, as for CT-RATE's 'fixed' volumes",
    })
  }
  return { ...volume, data: Int16Array.from(volume.data, (value) => value * slope + intercept) }
}
