import { NotSupportedDataError } from '../errors.js'
import { readNifti } from '../nifti.js'
import type { Volume } from '../volume.js'
import { readPictureSlices } from './picture-slices.js'
import type { ImageSource } from './study.js'

type SourceOf<Kind extends ImageSource['kind']> = Extract<ImageSource, { kind: Kind }>

/** How each kind of source becomes a volume. Give your own to read other formats, from a cache, or from another machine. */
export interface ImageReaders {
  volume(path: string): Promise<Volume>
  frame(path: string, index: number): Promise<Volume>
  slices(folder: string): Promise<Volume>
  array(source: SourceOf<'array'>): Promise<Volume>
}

export const defaultImageReaders: ImageReaders = {
  volume: (path) => readNifti(path),
  frame: (path, index) => readNifti(path, { index }),
  slices: readPictureSlices,
  array: async ({ path }) => {
    throw new NotSupportedDataError('NumPy archives are not read', {
      path,
      remedy: 'Give readImage a reader for arrays, or convert the scans to NIfTI',
    })
  },
}

/** The volumes of an image: one, or one per channel. Throws a DataError for what cannot be read. */
export async function readChannels(
  source: ImageSource,
  readers: Partial<ImageReaders> = {},
): Promise<[Volume, ...Volume[]]> {
  const { volume, frame, slices, array } = { ...defaultImageReaders, ...readers }
  switch (source.kind) {
    case 'volume':
      return [await volume(source.path)]
    case 'frame':
      return [await frame(source.path, source.index)]
    case 'slices':
      return [await slices(source.folder)]
    case 'array':
      return [await array(source)]
    case 'channels': {
      const volumes: Volume[] = []
      for (const path of source.paths) volumes.push(await volume(path))
      return volumes as [Volume, ...Volume[]]
    }
  }
}

/** The volume of an image with one channel, or the first of several. Throws a DataError for what cannot be read. */
export async function readImage(source: ImageSource, readers: Partial<ImageReaders> = {}): Promise<Volume> {
  const first = source.kind === 'channels' ? ({ kind: 'volume', path: source.paths[0]! } as const) : source
  return (await readChannels(first, readers))[0]
}

/** The file or folder of a source, for messages. */
export function sourcePath(source: ImageSource): string {
  if (source.kind === 'channels') return source.paths[0]!
  return source.kind === 'slices' ? source.folder : source.path
}
