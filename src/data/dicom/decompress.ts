import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { readPieces } from '../byte-source.js'
import { DataError, NotSupportedDataError } from '../errors.js'
import type { DicomInstance } from './instance.js'

/** What is used of `@itk-wasm/dicom`, which is not a dependency. */
interface ItkDicom {
  readImageDicomFileSeriesNode(options: { inputImages: string[]; singleSortedSeries: boolean }): Promise<{
    outputImage: { size: number[]; data: ArrayLike<number> }
  }>
}

/** A name that bundlers and the type checker do not follow: the package is optional. */
const packageName = '@itk-wasm/dicom'

/**
 * The values of a compressed single-frame image, rescaled as the file says, row by row. Needs the optional package
 * `@itk-wasm/dicom`; throws a NotSupportedDataError that tells how to install it when it is missing, and a DataError
 * when it cannot read the file.
 */
export async function decompress(instance: DicomInstance): Promise<ArrayLike<number>> {
  const { file, rows, columns, frames, transferSyntax } = instance
  if (frames.length > 1) {
    throw new NotSupportedDataError('compressed files of several frames are not read', {
      path: file.name,
      remedy: 'Decompress it with dcmdjpeg or dcmdrle of DCMTK',
    })
  }
  const itk = await loadItk(file.name, transferSyntax)
  const folder = file.path === undefined ? await mkdtemp(join(tmpdir(), 'voxgrad-dicom-')) : undefined
  try {
    // It wants absolute paths, and throws bare numbers.
    const path = resolve(file.path ?? join(folder!, 'image.dcm'))
    if (folder !== undefined) {
      await using source = await file.open()
      await writeFile(path, readPieces(source, 0, source.size))
    }
    const { outputImage } = await itk
      .readImageDicomFileSeriesNode({ inputImages: [path], singleSortedSeries: true })
      .catch((cause: unknown) => {
        throw new DataError(`${packageName} cannot decompress it: ${String(cause)}`, { path: file.name, cause })
      })
    if (outputImage.data.length === rows * columns) return outputImage.data
    throw new DataError(`${packageName} gives ${outputImage.size.join(' x ')} instead of ${columns} x ${rows}`, {
      path: file.name,
    })
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
}

async function loadItk(path: string, transferSyntax: string): Promise<ItkDicom> {
  try {
    return (await import(packageName)) as ItkDicom
  } catch (cause) {
    throw new NotSupportedDataError(`its pixels are compressed (transfer syntax ${transferSyntax})`, {
      path,
      remedy: `Install the optional decoder: npm install ${packageName}@7.6.4`,
      cause,
    })
  }
}
