import { ctSlice, type DicomItem } from '../dicom-bytes.js'

export const ROWS = 40
export const COLUMNS = 48

/** A body with a lung in it, as a plain slice file; signed values are Hounsfield units themselves. */
export function plainSlice(signed: boolean): Uint8Array {
  const stored = Int16Array.from({ length: ROWS * COLUMNS }, (_, at) => {
    const [x, y] = [at % COLUMNS, Math.floor(at / COLUMNS)]
    const body = (x - 24) ** 2 + (y - 20) ** 2 < 300 ? 1060 + ((x * 7 + y * 13) % 11) : (x * y) % 3
    const value = (x - 16) ** 2 + (y - 20) ** 2 < 30 ? 150 + ((x * 3 + y) % 7) : body
    return signed ? value - 1024 : value
  })
  const depth: DicomItem = {
    '00280101': ['US', 16],
    '00280102': ['US', 15],
    '00280103': ['US', 1],
    '00281052': ['DS', '0'],
  }
  return ctSlice(0, {
    '00280010': ['US', ROWS],
    '00280011': ['US', COLUMNS],
    '7fe00010': ['OW', new Uint8Array(stored.buffer)],
    ...(signed ? depth : {}),
  })
}
