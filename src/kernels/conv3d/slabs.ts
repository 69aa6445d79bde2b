/**
 * Volumes beyond the adapter's binding limit: convolutions of some images at a time, or of slabs along the depth of one.
 * A slab is a convolution of its own, whose padding says where its parts lie beside each other.
 */
import { bytesPerElement, type DType } from '../../engine/dtype.js'
import type { TensorWindow } from '../../engine/kernel.js'
import type { Tensor } from '../../engine/tensor.js'
import type { ConvolutionGeometry, Triple } from './geometry.js'

/** A volume `[N, D, H, W, channels]`: a tensor, or a part of one. */
export interface VolumePart {
  readonly binding: Tensor | TensorWindow
  /** Element of the binding at which it begins. */
  readonly first: number
  readonly channels: number
  readonly dtype: DType
}

export interface Slab {
  /** Of the parts alone. Padding before the depth is negative where a part begins behind the first window. */
  readonly geometry: ConvolutionGeometry
  readonly fine: VolumePart
  readonly coarse: VolumePart
}

type Side = 'fine' | 'coarse'
type Range = readonly [start: number, end: number]

/** What a binding may lose to alignment: its start is at a multiple of 256, its size one of 16. */
const alignment = 256
const slackBytes = alignment + 16

/**
 * A convolution in parts that fit into bindings. `made` is the side that is computed: it is cut without overlap, and the
 * other side's parts have whatever meets it. A slab of one slice is not cut further, whether it fits or not.
 */
export function slabsOf(
  geometry: ConvolutionGeometry,
  { fine, coarse }: Readonly<Record<Side, Tensor>>,
  made: Side,
  maxBindingBytes: number,
): Slab[] {
  const largest = Math.max(fine.byteLength, coarse.byteLength)
  if (largest <= maxBindingBytes) return [{ geometry, fine: wholeOf(fine), coarse: wholeOf(coarse) }]
  const room = maxBindingBytes - slackBytes
  const { batch } = geometry
  const images = Math.floor(room / (largest / batch))
  const depth = { fine: geometry.fine[0], coarse: geometry.coarse[0] }
  if (images > 0) {
    const cuts = rangesOf(batch, images, () => false)
    return cuts.map((cut) =>
      slabOf(geometry, { fine, coarse }, cut, { fine: [0, depth.fine], coarse: [0, depth.coarse] }),
    )
  }
  const slicesOf = (range: Range): Record<Side, Range> =>
    made === 'coarse'
      ? { coarse: range, fine: fineRange(geometry, range) }
      : { fine: range, coarse: coarseRange(geometry, range) }
  const sliceBytes = (side: Side, tensor: Tensor) => tensor.byteLength / batch / depth[side]
  const fits = (range: Range) => {
    const slices = slicesOf(range)
    const bytes = (side: Side, tensor: Tensor) => (slices[side][1] - slices[side][0]) * sliceBytes(side, tensor)
    return Math.max(bytes('fine', fine), bytes('coarse', coarse)) <= room
  }
  // Cuts of the fine side between windows where that can be, so that windows without overlap stay without.
  const { stride } = geometry
  const step = made === 'fine' && fits([0, Math.min(stride[0], depth.fine)]) ? stride[0] : 1
  const cuts = rangesOf(depth[made], step, fits)
  return Array.from({ length: batch }, (_, n) => n).flatMap((n) =>
    cuts.map((cut) => slabOf(geometry, { fine, coarse }, [n, n + 1], slicesOf(cut))),
  )
}

/** `[0, extent)` in ranges of whole steps, each as long as `fits` lets it grow. */
function rangesOf(extent: number, step: number, fits: (range: Range) => boolean): Range[] {
  const ranges: Range[] = []
  for (let start = 0; start < extent; ) {
    let end = Math.min(start + step, extent)
    while (end < extent && fits([start, Math.min(end + step, extent)])) end = Math.min(end + step, extent)
    ranges.push([start, end])
    start = end
  }
  return ranges
}

/** Fine slices that windows of coarse ones read. */
function fineRange({ stride, dilation, kernel, paddingBefore, fine }: ConvolutionGeometry, [start, end]: Range): Range {
  const first = start * stride[0] - paddingBefore[0]
  const last = (end - 1) * stride[0] - paddingBefore[0] + dilation[0] * (kernel[0] - 1)
  return within(first, last + 1, fine[0])
}

/** Coarse slices whose windows read fine ones. */
function coarseRange(
  { stride, dilation, kernel, paddingBefore, coarse }: ConvolutionGeometry,
  [start, end]: Range,
): Range {
  const first = Math.ceil((start + paddingBefore[0] - dilation[0] * (kernel[0] - 1)) / stride[0])
  const last = Math.floor((end - 1 + paddingBefore[0]) / stride[0])
  return within(first, last + 1, coarse[0])
}

/** As much of a range as there is, but one slice where there is nothing: bindings are never empty. */
function within(start: number, end: number, extent: number): Range {
  const first = Math.min(Math.max(start, 0), extent - 1)
  return [first, Math.min(Math.max(end, first + 1), extent)]
}

function slabOf(
  geometry: ConvolutionGeometry,
  { fine, coarse }: Readonly<Record<Side, Tensor>>,
  images: Range,
  slices: Readonly<Record<Side, Range>>,
): Slab {
  const { stride, paddingBefore } = geometry
  const cut = (extents: Triple, [start, end]: Range): Triple => [end - start, extents[1], extents[2]]
  // Window c reads from fine slice c * stride - padding on; both are counted from where their parts begin.
  const padding = paddingBefore[0] + slices.fine[0] - slices.coarse[0] * stride[0]
  return {
    geometry: {
      ...geometry,
      batch: images[1] - images[0],
      fine: cut(geometry.fine, slices.fine),
      coarse: cut(geometry.coarse, slices.coarse),
      paddingBefore: [padding, paddingBefore[1], paddingBefore[2]],
    },
    fine: partOf(fine, geometry.fine, images, slices.fine),
    coarse: partOf(coarse, geometry.coarse, images, slices.coarse),
  }
}

const wholeOf = (tensor: Tensor): VolumePart => ({
  binding: tensor,
  first: 0,
  channels: tensor.shape[4]!,
  dtype: tensor.dtype,
})

/** From a slice of the first image to one of the last. */
function partOf(tensor: Tensor, [depth, height, width]: Triple, images: Range, slices: Range): VolumePart {
  const channels = tensor.shape[4]!
  const slice = height * width * channels
  const start = (images[0] * depth + slices[0]) * slice
  const end = ((images[1] - 1) * depth + slices[1]) * slice
  const bytes = bytesPerElement(tensor.dtype)
  const byteOffset = Math.floor((start * bytes) / alignment) * alignment
  return {
    binding: { tensor, byteOffset, byteLength: end * bytes - byteOffset },
    first: start - byteOffset / bytes,
    channels,
    dtype: tensor.dtype,
  }
}
