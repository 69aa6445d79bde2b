import { bytesPerElement } from './dtype.js'
import type { TensorWindow } from './kernel.js'
import type { Tensor } from './tensor.js'

/** A run of elements that fits in one binding. */
export interface ElementWindow {
  readonly start: number
  readonly count: number
  /** The window's part of a tensor; the tensor itself when one window covers everything. */
  of(tensor: Tensor): Tensor | TensorWindow
}

/** Window starts are multiples of this many elements, so that byte offsets are multiples of 256 for every type. */
const windowAlignment = 256

/**
 * Cuts `size` elements into windows of at most `maxBindingBytes`, for kernels that treat elements one by one. A tensor
 * beyond the adapter's binding limit then needs several dispatches and no copy.
 */
export function elementWindows(size: number, widestElement: number, maxBindingBytes: number): ElementWindow[] {
  const perWindow = Math.floor(maxBindingBytes / widestElement / windowAlignment) * windowAlignment
  if (size <= perWindow) return [{ start: 0, count: size, of: (tensor) => tensor }]
  const windows: ElementWindow[] = []
  for (let start = 0; start < size; start += perWindow) {
    const count = Math.min(perWindow, size - start)
    const of = (tensor: Tensor): TensorWindow => {
      const width = bytesPerElement(tensor.dtype)
      return { tensor, byteOffset: start * width, byteLength: count * width }
    }
    windows.push({ start, count, of })
  }
  return windows
}
