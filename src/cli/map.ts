/** `voxgrad map`: where scans look like a text, as a volume over the scan. */
import { basename, join } from 'node:path'
import type { Command } from 'commander'
import { writeNifti } from '../data/index.js'
import { overScan, patchSimilarities, valueRange } from '../inference/index.js'
import { researchNotice } from './options.js'
import { runScans, type ScanArguments, scanCommand, scansOf } from './scan-run.js'
import { addTextOption } from './similarity.js'

interface MapArguments extends ScanArguments {
  readonly text: readonly string[]
}

export function mapCommand(): Command {
  const command = scanCommand('map', 'Write a NIfTI file per CT scan and text: the cosine at every voxel')
  return addTextOption(command).action(map)
}

interface TextMap {
  readonly text: string
  readonly file: string
  readonly lowest: number
  readonly highest: number
}

async function map(scans: string[], options: MapArguments): Promise<void> {
  const { text: texts, out } = options
  await runScans(await scansOf(scans, options), options, {
    ...{ command: 'map', configuration: { texts }, dense: 'projected' as const },
    prepare: async (model) => {
      const vectors = await model.encodeText(texts)
      return {
        handle: async ({ name, sha256, dense }) => {
          const maps: TextMap[] = []
          for (const [n, text] of texts.entries()) {
            const patches = patchSimilarities(dense!, vectors[n]!)
            const file = join(out, `${mapName(name, sha256!)}.${slug(text)}.nii.gz`)
            const volume = overScan(patches, dense!.prepared)
            await writeNifti(file, { ...volume, source: mapSource(file, text) })
            const [lowest, highest] = valueRange(patches)
            maps.push({ text, file, lowest, highest })
          }
          return { maps }
        },
        table: {
          columns: texts.flatMap((text) => [`lowest ${text}`, `highest ${text}`]),
          row: ({ maps }) => (maps as TextMap[]).flatMap((entry) => [entry.lowest, entry.highest]),
        },
        print: ({ maps }) =>
          (maps as TextMap[])
            .map((entry) => `${entry.file}: ${entry.text}, ${entry.lowest.toFixed(4)} to ${entry.highest.toFixed(4)}`)
            .join('\n'),
      }
    },
  })
}

/** Scans of different folders may have the same name. */
const mapName = (scan: string, sha256: string): string =>
  `${basename(scan).replace(/\.(nii\.gz|[a-z]+)$/i, '')}-${sha256.slice(0, 8)}`

const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60)

/** What goes into the header's description. */
function mapSource(path: string, text: string) {
  const description = `${researchNotice} ${text}`
  const common = { path, storedDtype: 'float32', bigEndian: false, storedShape: [], zooms: [], slope: 1, intercept: 0 }
  return {
    ...common,
    format: 'nifti' as const,
    version: 1 as const,
    sformCode: 1,
    qformCode: 1,
    unitsCode: 10,
    description,
  }
}
