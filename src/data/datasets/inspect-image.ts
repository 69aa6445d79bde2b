import { createHash } from 'node:crypto'
import type { Triple } from '../geometry.js'
import { axisCodes } from '../orientation.js'
import { contiguous, spacingMm, type Volume } from '../volume.js'
import { voxelType } from '../voxels.js'
import { type ImageReaders, readChannels } from './read-image.js'
import type { Study, StudyImage } from './study.js'

/** What a volume is, without its voxels. */
export interface ImageFacts {
  readonly study: string
  readonly name: string
  readonly shape: Triple
  readonly spacingMm: Triple
  /** Toward which sides of the patient the axes run; '---' for pictures, which do not say. */
  readonly orientation: string
  /** As stored in the file, where it is known. */
  readonly dtype: string
  readonly min: number
  readonly max: number
  /** SHA-256 of shape and voxels: equal for the same image in differently compressed files. */
  readonly sha256: string
}

/** Something wrong with one image. */
export interface ImageFault {
  readonly kind:
    | 'broken-image'
    | 'broken-mask'
    | 'mask-grid'
    | 'mask-labels'
    | 'not-finite'
    | 'constant'
    | 'value-range'
  readonly message: string
}

export interface ImageInspection {
  /** Absent when the image cannot be read. */
  readonly facts?: ImageFacts
  readonly faults: readonly ImageFault[]
}

/** CT numbers end at -1024, and padding of some scanners at -3024; below lies what was rescaled twice or not at all. */
const LEAST_HU = -4000

/** Affines of image and mask may differ by this much in any number, which is what float32 headers leave. */
const AFFINE_TOLERANCE = 1e-3

/** Reads an image and its mask completely. Never throws: what cannot be read becomes a fault. */
export async function inspectImage(
  study: Study,
  image: StudyImage,
  readers: Partial<ImageReaders>,
  maskLabels?: Readonly<Record<number, string>>,
): Promise<ImageInspection> {
  const inspection = await attempt(() => inspect(study, image, readers, maskLabels))
  return typeof inspection === 'string' ? { faults: [{ kind: 'broken-image', message: inspection }] } : inspection
}

async function inspect(
  study: Study,
  image: StudyImage,
  readers: Partial<ImageReaders>,
  maskLabels: Readonly<Record<number, string>> | undefined,
): Promise<ImageInspection> {
  const [volume, ...others] = await readChannels(image.source, readers)
  const faults: ImageFault[] = []
  for (const other of others) {
    if (!sameGrid(volume, other)) faults.push({ kind: 'broken-image', message: 'its channels lie on different grids' })
  }
  const { min, max, missing } = rangeOf(volume)
  if (missing > 0) faults.push({ kind: 'not-finite', message: `${missing} voxels are NaN or infinite` })
  if (min === max) faults.push({ kind: 'constant', message: `every voxel is ${min}` })
  if (min < LEAST_HU) {
    const message = `values go down to ${min}: this is not HU, or was rescaled twice`
    faults.push({ kind: 'value-range', message })
  }
  if (image.mask !== undefined) {
    const own = image.mask
    const found = await attempt(async () => maskFaults(volume, (await readChannels(own, readers))[0], maskLabels))
    faults.push(...(typeof found === 'string' ? [{ kind: 'broken-mask', message: found } as const] : found))
  }
  const facts: ImageFacts = {
    ...{ study: study.id, name: image.name, shape: volume.shape, spacingMm: spacingMm(volume), min, max },
    orientation: image.source.kind === 'slices' ? '---' : axisCodes(volume.affine),
    dtype: volume.source?.storedDtype ?? voxelType(volume.data),
    sha256: hashOf(volume),
  }
  return { facts, faults }
}

/** The result, or the message of whatever was thrown: one bad file must not end the check of the others. */
async function attempt<Result>(run: () => Promise<Result>): Promise<Result | string> {
  try {
    return await run()
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function sameGrid(a: Volume, b: Volume): boolean {
  const close = (value: number, n: number): boolean => Math.abs(value - b.affine[n]!) <= AFFINE_TOLERANCE
  return a.shape.every((size, axis) => size === b.shape[axis]) && a.affine.every(close)
}

function rangeOf(volume: Volume): { min: number; max: number; missing: number } {
  let [min, max, missing] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0]
  for (const value of contiguous(volume).data) {
    if (!Number.isFinite(value)) missing++
    else {
      if (value < min) min = value
      if (value > max) max = value
    }
  }
  return { min, max, missing }
}

function maskFaults(volume: Volume, mask: Volume, labels?: Readonly<Record<number, string>>): ImageFault[] {
  const faults: ImageFault[] = []
  if (!sameGrid(volume, mask)) {
    faults.push({ kind: 'mask-grid', message: `the mask (${mask.shape.join(' x ')}) is not on the grid of the image` })
  }
  const isLabel = (value: number): boolean => (labels ? value in labels : Number.isInteger(value))
  const strange = distinctValues(mask).filter((value) => !isLabel(value))
  if (strange.length > 0) {
    const some = strange.slice(0, 5).join(', ')
    faults.push({
      kind: 'mask-labels',
      message: `the mask holds ${some}, which ${labels ? 'dataset.json does not name' : 'is no label'}`,
    })
  }
  return faults
}

/** Label maps are long runs of few values. */
function distinctValues(volume: Volume): number[] {
  const values = new Set<number>()
  let last: number | undefined
  for (const value of contiguous(volume).data) {
    if (value !== last) values.add(value)
    last = value
  }
  return [...values]
}

function hashOf(volume: Volume): string {
  const { data, shape } = contiguous(volume)
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return createHash('sha256')
    .update(`${shape.join(' ')} ${voxelType(data)} `)
    .update(bytes)
    .digest('hex')
}
