import { join } from 'node:path'
import { writeNifti } from '../../nifti-write.js'
import { type PhantomSplit, phantomSeedRanges } from '../splits.js'
import { ensureFolderOf } from './folders.js'
import { bySplit, jsonText, type PhantomLayout } from './layout.js'

const splits = Object.keys(phantomSeedRanges) as PhantomSplit[]

const scanName = (split: PhantomSplit, number: number): string => `${split}_${number + 1}_a`

/**
 * Phantoms as fVLM takes them: per split images, masks with TotalSegmentator's numbers, and the reports taken apart
 * (`desc_info.json`, `conc_info.json`). `dataset.jsonl` lists everything for `openTable`.
 */
export const fvlmLayout: PhantomLayout = {
  splits,

  images: (split, number) => ['masks', 'images'].map((kind) => `${split}/${kind}/${scanName(split, number)}.nii.gz`),

  async write(folder, { split, number }, { masks, volume }) {
    const [maskPath, imagePath] = fvlmLayout.images(split, number).map((path) => join(folder, path))
    await ensureFolderOf(maskPath!)
    await writeNifti(maskPath!, masks)
    await ensureFolderOf(imagePath!)
    await writeNifti(imagePath!, volume)
  },

  tables(entries) {
    const sections = splits.flatMap((split) => {
      const own = bySplit(entries, split)
      if (own.length === 0) return []
      const part = (section: 'findings' | 'impression') =>
        jsonText(
          Object.fromEntries(own.map(({ number, entry }) => [scanName(split, number), entry.decomposition[section]])),
        )
      return [
        [`${split}/desc_info.json`, part('findings')],
        [`${split}/conc_info.json`, part('impression')],
      ]
    })
    const rows = entries.map(({ split, number, entry: { report, labels } }) => {
      const [mask, image] = fvlmLayout.images(split, number)
      const { findings, impression } = report
      return JSON.stringify({ id: scanName(split, number), image, mask, split, findings, impression, labels })
    })
    return { ...Object.fromEntries(sections), 'dataset.jsonl': rows.map((row) => `${row}\n`).join('') }
  },
}
