/** Turns the bytes of every element around, in place. */
export function swapByteOrder(bytes: Uint8Array, itemBytes: number): void {
  for (let start = 0; start + itemBytes <= bytes.length; start += itemBytes) {
    for (let low = start, high = start + itemBytes - 1; low < high; low++, high--) {
      const byte = bytes[low]!
      bytes[low] = bytes[high]!
      bytes[high] = byte
    }
  }
}
