import { randomUUID } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileError } from '../../files.js'
import type { RgbImage } from '../../picture/canvas.js'
import { writePng } from '../../picture/png.js'
import type { Volume } from '../../volume.js'
import { phantomFindings } from '../findings.js'
import { type PhantomSplit, phantomSeedRanges } from '../splits.js'
import { ensureFolder, ensureFolderOf } from './folders.js'
import { bySplit, csvText, jsonText, type PhantomLayout } from './layout.js'

const splits = Object.keys(phantomSeedRanges) as PhantomSplit[]

/** Splits share one folder of cases, so the number of a case begins with that of its split. */
const caseFolder = (split: PhantomSplit, number: number): string =>
  `ct_case/${splits.indexOf(split) + 1}${String(number).padStart(7, '0')}`

const SERIES = 'Axial_phantom'

/** Pictures show HU from -1000 (black) to 1000 (white): what a network gets has to hold lung, liver and bone. */
const window = { lowHu: -1000, highHu: 1000 }

/** An axial slice, the patient's front up and right side left. */
function slicePicture({ data, shape, strides }: Volume, k: number): RgbImage {
  const [width, height] = shape
  const pixels = new Uint8Array(width * height * 3)
  for (let n = 0; n < width * height; n++) {
    const hu = data[(n % width) * strides[0] + Math.floor(n / width) * strides[1] + k * strides[2]]!
    const part = (hu - window.lowHu) / (window.highHu - window.lowHu)
    pixels.fill(Math.round(255 * Math.min(Math.max(part, 0), 1)), 3 * n, 3 * n + 3)
  }
  return { width, height, data: pixels }
}

/**
 * Phantoms as `openM3dCap` reads M3D-Cap: pictures of axial slices, one text per case, and the list of splits. There is no
 * room for masks and labels; `phantom_labels.csv` has the labels.
 */
export const m3dCapLayout: PhantomLayout = {
  splits,

  images: (split, number) => [`${caseFolder(split, number)}/${SERIES}`],

  async write(folder, { split, number }, { volume }) {
    const target = join(folder, caseFolder(split, number), SERIES)
    const temporary = `${target}.${randomUUID()}.tmp`
    await ensureFolderOf(target)
    await ensureFolder(temporary)
    try {
      for (let k = 0; k < volume.shape[2]; k++) await writePng(join(temporary, `${k}.png`), slicePicture(volume, k))
      await rename(temporary, target)
    } catch (cause) {
      await rm(temporary, { recursive: true, force: true }).catch(() => undefined)
      throw fileError('write', target, cause)
    }
  },

  tables(entries) {
    const list = (split: PhantomSplit) =>
      bySplit(entries, split).map(({ number }) => {
        const own = `M3D_Cap/${caseFolder(split, number)}`
        return { image: `${own}/${SERIES}`, text: `${own}/text.txt` }
      })
    const texts = entries.map(({ split, number, entry: { report } }) => [
      `${caseFolder(split, number)}/text.txt`,
      `${report.findings}\n${report.impression}\n`,
    ])
    const labels = entries.map(({ split, number, entry }) => [
      caseFolder(split, number),
      ...phantomFindings.map((name) => entry.labels[name]),
    ])
    return {
      ...Object.fromEntries(texts),
      'M3D_Cap.json': jsonText(Object.fromEntries(splits.map((split) => [split, list(split)]))),
      'phantom_labels.csv': csvText([['Case', ...phantomFindings], ...labels]),
    }
  },
}
