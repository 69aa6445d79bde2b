import { join } from 'node:path'
import { z } from 'zod'
import { DataError } from '../errors.js'
import { readJson } from '../text/text-file.js'
import { listFiles } from './listing.js'
import type { Dataset, DatasetProblem, ImageSource, Split, Study } from './study.js'

/** A pair of MSD's list; paths are relative to the folder and begin with `./`. */
const msdPair = z.object({ image: z.string(), label: z.string() })

const msdDescription = z.object({
  name: z.string().optional(),
  licence: z.string().optional(),
  modality: z.record(z.string(), z.string()),
  labels: z.record(z.string(), z.string()),
  training: z.array(msdPair),
  test: z.array(z.union([z.string(), z.object({ image: z.string() })])).default([]),
})

const nnUnetDescription = z.object({
  name: z.string().optional(),
  licence: z.string().optional(),
  channel_names: z.record(z.string(), z.string()),
  // A region is a list of labels; it names no single value of the mask.
  labels: z.record(z.string(), z.union([z.number().int(), z.array(z.number().int())])),
  file_ending: z.string().startsWith('.'),
})

/**
 * A folder of the Medical Segmentation Decathlon or of nnU-Net (version 2), told apart by `dataset.json`:
 *
 *     dataset.json                MSD: modality, labels {value: name}, training [{image, label}], test
 *                                 nnU-Net: channel_names, labels {name: value}, file_ending
 *     imagesTr/liver_0.nii.gz     MSD: one file per case, several modalities as its fourth axis
 *     imagesTr/la_003_0000.nii.gz nnU-Net: one file per case and channel
 *     labelsTr/la_003.nii.gz      masks; imagesTs holds test images without masks
 *
 * Every case counts as a patient of its own: neither format says who it is of. MSD's ten tasks are under CC BY-SA 4.0;
 * other folders under what `licence` of their dataset.json or their owners say.
 *
 * Throws a DataError without a dataset.json of either kind.
 */
export async function openSegmentationFolder(folder: string): Promise<Dataset> {
  const path = join(folder, 'dataset.json')
  const value = await readJson(path)
  const isMsd = typeof value === 'object' && value !== null && 'training' in value
  const schema = isMsd ? msdDescription : nnUnetDescription
  const parsed = schema.safeParse(value)
  if (!parsed.success) {
    const kind = isMsd ? 'MSD' : 'nnU-Net'
    throw new DataError(`is no ${kind} description: ${z.prettifyError(parsed.error)}`, { path })
  }
  const files = new Set(await listFiles(folder))
  return 'training' in parsed.data ? openMsd(folder, parsed.data, files) : openNnUnet(folder, parsed.data, files)
}

function openMsd(folder: string, description: z.infer<typeof msdDescription>, files: ReadonlySet<string>): Dataset {
  const { name = 'MSD', licence, labels, training, test, modality } = description
  const modalities = Object.keys(modality).length
  const problems: DatasetProblem[] = []
  const plain = (path: string): string => path.replace(/^\.\//, '')
  const source = (path: string): ImageSource =>
    modalities > 1
      ? { kind: 'frame', path: join(folder, path), index: 0 }
      : { kind: 'volume', path: join(folder, path) }
  const make = (image: string, mask: string | undefined, split: Split): Study[] => {
    const id = caseName(image)
    const hasMask = mask !== undefined && files.has(mask)
    if (mask !== undefined && !hasMask) problems.push({ kind: 'missing-mask', name: id, message: `${mask} is missing` })
    if (!files.has(image)) {
      problems.push({ kind: 'missing-image', name: id, message: `${image} is missing` })
      return []
    }
    const maskSource: ImageSource | undefined = hasMask ? { kind: 'volume', path: join(folder, mask) } : undefined
    const images = [{ name: id, source: source(image), ...(maskSource && { mask: maskSource }) }]
    return [{ id, patient: id, split, images }]
  }
  return {
    ...{ name, folder, problems },
    licence: licence ?? 'CC BY-SA 4.0',
    studies: [
      ...training.flatMap(({ image, label }) => make(plain(image), plain(label), 'train')),
      ...test.flatMap((entry) => make(plain(typeof entry === 'string' ? entry : entry.image), undefined, 'test')),
    ],
    maskLabels: Object.fromEntries(Object.entries(labels).map(([value, label]) => [Number(value), label])),
    notes: modalities > 1 ? [`images have ${modalities} modalities as their fourth axis; the first is taken`] : [],
  }
}

function openNnUnet(
  folder: string,
  { name = 'nnU-Net', licence, channel_names, labels, file_ending }: z.infer<typeof nnUnetDescription>,
  files: ReadonlySet<string>,
): Dataset {
  const channels = Object.keys(channel_names).length
  const problems: DatasetProblem[] = []
  const studies = (['train', 'test'] as const).flatMap((split): Study[] => {
    const [images, masks] = split === 'train' ? ['imagesTr', 'labelsTr'] : ['imagesTs', 'labelsTs']
    const inFolder = [...files].filter((path) => path.startsWith(`${images}/`) && path.endsWith(file_ending))
    const cases = new Set(inFolder.map((path) => caseName(path, file_ending).replace(/_\d{4}$/, '')))
    return [...cases].flatMap((id) => {
      const paths = Array.from(
        { length: channels },
        (_, n) => `${images}/${id}_${String(n).padStart(4, '0')}${file_ending}`,
      )
      const missing = paths.find((path) => !files.has(path))
      if (missing !== undefined) {
        problems.push({ kind: 'missing-image', name: id, message: `${missing} is missing` })
        return []
      }
      const mask = `${masks}/${id}${file_ending}`
      const hasMask = files.has(mask)
      if (split === 'train' && !hasMask)
        problems.push({ kind: 'missing-mask', name: id, message: `${mask} is missing` })
      const source: ImageSource =
        channels === 1
          ? { kind: 'volume', path: join(folder, paths[0]!) }
          : { kind: 'channels', paths: paths.map((path) => join(folder, path)) }
      const image = {
        name: id,
        source,
        ...(hasMask && { mask: { kind: 'volume', path: join(folder, mask) } as const }),
      }
      return [{ id, patient: id, split, images: [image] }]
    })
  })
  const named = Object.entries(labels).flatMap(([label, value]) =>
    typeof value === 'number' ? [[value, label] as const] : [],
  )
  return {
    ...{ name, folder, studies, problems, notes: [] },
    licence: licence ?? 'not stated in dataset.json',
    maskLabels: Object.fromEntries(named),
  }
}

/** The file name without folder and ending. */
function caseName(path: string, ending?: string): string {
  const file = path.slice(path.lastIndexOf('/') + 1)
  return ending === undefined ? file.replace(/(\.nii)?(\.gz)?$/, '') : file.slice(0, -ending.length)
}
