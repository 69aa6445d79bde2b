/** Runs in a worker thread of its own, so that what the decoder does to its process stays there. */

/** What is used of `@itk-wasm/dicom`, which is not a dependency. */
interface ItkDicom {
  readImageDicomFileSeriesNode(options: { inputImages: string[]; singleSortedSeries: boolean }): Promise<{
    outputImage: { size: number[]; data: ArrayLike<number> }
  }>
}

/** A name that bundlers and the type checker do not follow: the package is optional. */
export const decoderPackage = '@itk-wasm/dicom'

export type Decoded =
  | { readonly kind: 'pixels'; readonly size: readonly number[]; readonly data: ArrayLike<number> }
  /** The package is not installed. */
  | { readonly kind: 'missing'; readonly message: string }
  | { readonly kind: 'failed'; readonly message: string }

/** The pixels of DICOM files of one size, in the order of their instance numbers. Nothing is printed meanwhile. */
export async function load(inputImages: string[]): Promise<Decoded> {
  let itk: ItkDicom
  try {
    itk = (await import(decoderPackage)) as ItkDicom
  } catch (cause) {
    return { kind: 'missing', message: String(cause) }
  }
  const { log, error } = console
  try {
    console.log = console.error = () => {}
    const { outputImage } = await itk.readImageDicomFileSeriesNode({ inputImages, singleSortedSeries: true })
    return { kind: 'pixels', size: outputImage.size, data: outputImage.data }
  } catch (cause) {
    // Often a bare number.
    return { kind: 'failed', message: cause instanceof Error ? cause.message : String(cause) }
  } finally {
    Object.assign(console, { log, error })
  }
}
