/**
 * Turns over the pixels whose centres a closed polygon encloses (even-odd rule), in a bitmap of `width` x `height`. A
 * second polygon inside the first so cuts a hole. Pixel (x, y) has its centre at (x, y); points on a border belong to
 * the pixel above and to the right. `points` are x, y, x, y, ...
 */
export function turnOverInside(bitmap: Uint8Array, width: number, height: number, points: readonly number[]): void {
  const crossings = new Map<number, number[]>()
  const count = points.length / 2
  for (let n = 0; n < count; n++) {
    const next = (n + 1) % count
    const [x0, y0, x1, y1] = [points[2 * n]!, points[2 * n + 1]!, points[2 * next]!, points[2 * next + 1]!]
    const first = Math.max(0, Math.ceil(Math.min(y0, y1)))
    // A row at the upper end of an edge is counted by the edge that goes on from there.
    const last = Math.min(height - 1, Math.ceil(Math.max(y0, y1)) - 1)
    for (let y = first; y <= last; y++) {
      const row = crossings.get(y) ?? []
      crossings.set(y, row)
      row.push(x0 + ((y - y0) / (y1 - y0)) * (x1 - x0))
    }
  }
  for (const [y, row] of crossings) {
    row.sort((a, b) => a - b)
    for (let n = 0; n + 1 < row.length; n += 2) {
      const first = Math.max(0, Math.ceil(row[n]!))
      const last = Math.min(width - 1, Math.ceil(row[n + 1]!) - 1)
      for (let x = first; x <= last; x++) bitmap[y * width + x]! ^= 1
    }
  }
}
