/** CT-RATE's original volumes put right from its metadata table, as fVLM's pipeline begins. */
import { parseNumbers } from '../datasets/numbers.js'
import { DataError } from '../errors.js'
import { affineFromColumns, type Triple } from '../geometry.js'
import { type Volume, validateVolume, volumeName } from '../volume.js'
import { rescaleToHounsfield } from './hounsfield.js'

/** The columns of CT-RATE's `train_metadata.csv` and `validation_metadata.csv` that the geometry and intensities come from. */
export const ctRateMetadataColumns = [
  'XYSpacing',
  'ZSpacing',
  'ImagePositionPatient',
  'ImageOrientationPatient',
  'RescaleSlope',
  'RescaleIntercept',
] as const

export type CtRateMetadata = Readonly<Record<(typeof ctRateMetadataColumns)[number], string>>

/**
 * The volume in HU (int16) at the place in space that its row of the metadata table says, in mm. Both cosines and their
 * cross product become the rows of the direction, as published; where a scan is not turned it makes no difference.
 *
 * Throws a DataError for a volume that is in HU already, as CT-RATE's `fixed` ones are, and for a row that lacks a number.
 */
export function fixCtRateVolume(stored: Volume, row: CtRateMetadata): Volume {
  const path = volumeName(stored)
  const numbers = (column: keyof CtRateMetadata, count: number): number[] => {
    const text = row[column]
    if (text === undefined) throw new DataError(`the metadata table has no ${column}`, { path })
    return parseNumbers(text, count, `${column} of ${path}`)
  }
  const [slope, intercept] = [numbers('RescaleSlope', 1)[0]!, numbers('RescaleIntercept', 1)[0]!]
  const { data, shape, strides } = rescaleToHounsfield(stored, { slope, intercept })
  const spacing = [...numbers('XYSpacing', 2), numbers('ZSpacing', 1)[0]!]
  const cosines = numbers('ImageOrientationPatient', 6)
  const [a, b] = [cosines.slice(0, 3), cosines.slice(3)] as [Triple, Triple]
  const across: Triple = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
  // DICOM's axes go to left and posterior, an affine's to right and anterior.
  const ras = ([x, y, z]: Triple): Triple => [-x, -y, z]
  const step = (axis: 0 | 1 | 2) => ras([a, b, across].map((cosine) => cosine[axis] * spacing[axis]!) as Triple)
  const origin = ras(numbers('ImagePositionPatient', 3) as Triple)
  const fixed: Volume = {
    ...stored,
    data,
    shape,
    strides,
    affine: affineFromColumns([step(0), step(1), step(2)], origin),
  }
  validateVolume(fixed)
  return fixed
}
