/** Maps over scans: what looks most like a text must lie over the very place, in all three planes. */
import { decode } from 'fast-png'
import { describe, expect, it } from 'vitest'
import { drawScan } from '../../src/cli/scan-pictures.js'
import { applyAffine, invertAffine, type Triple, volumeFromArray } from '../../src/data/index.js'
import { type DenseImage, patchAffine } from '../../src/inference/dense-image.js'

/** A scan stored as LPS with voxels of 4 x 5 x 6 mm, air but for a bright ball. */
function ballAt(placeMm: Triple, radiusMm: number) {
  const affine = [-4, 0, 0, 90, 0, -5, 0, 80, 0, 0, 6, -100, 0, 0, 0, 1]
  const shape: Triple = [44, 36, 30]
  const scan = volumeFromArray(new Float32Array(44 * 36 * 30).fill(-1000), shape, affine)
  for (let n = 0; n < scan.data.length; n++) {
    const index: Triple = [Math.floor(n / (36 * 30)), Math.floor(n / 30) % 36, n % 30]
    const distance = Math.hypot(...applyAffine(affine, index).map((mm, axis) => mm - placeMm[axis]!))
    if (distance < radiusMm) scan.data[n] = 1000
  }
  return scan
}

/** Patches of 16 mm in the axes of the network (superior, anterior, right), of which one looks like (0, 1). */
function denseWith(hot: Triple): DenseImage {
  const voxels = [0, 0, 2, -95, 0, 2, 0, -95, 2, 0, 0, -95, 0, 0, 0, 1]
  const shape = [12, 12, 12, 2] as const
  const data = Float32Array.from({ length: 12 ** 3 * 2 }, (_, n) => (n + 1) % 2)
  const first = ((hot[0] * 12 + hot[1]) * 12 + hot[2]) * 2
  data.set([0, 1], first)
  const prepared = { shape: [96, 96, 96] as Triple, affine: voxels, history: [] }
  return { data, shape, affine: patchAffine(voxels, [8, 8, 8]), prepared }
}

/** Middle of the weight in a column of pictures. */
function middle(left: number, width: number, height: number, weight: (x: number, y: number) => number) {
  let [sum, across, down] = [0, 0, 0]
  for (let y = 0; y < height; y++) {
    for (let x = left; x < left + width; x++) {
      const part = weight(x, y)
      ;[sum, across, down] = [sum + part, across + part * x, down + part * y]
    }
  }
  return [across / sum, down / sum]
}

describe('drawScan', () => {
  it('puts the map over the place it speaks of', () => {
    const hot: Triple = [7, 4, 8]
    const dense = denseWith(hot)
    const scan = ballAt(applyAffine(dense.affine, hot), 12)
    const { maps, ...pictures } = drawScan(scan, dense, [Float32Array.of(0, 1), Float32Array.of(1, 0)])
    expect(maps.map(({ lowest, highest }) => [lowest, highest])).toEqual([
      [0, 1],
      [0, 1],
    ])
    const [grey, map] = [decode(pictures.scan), decode(maps[0]!.png)]
    expect([map.width, map.height]).toEqual([grey.width, grey.height])
    expect([grey.width, grey.height]).toEqual([pictures.width, pictures.height])
    const bright = (x: number, y: number) => {
      const [red, , blue] = grey.data.subarray((y * grey.width + x) * 3)
      // Letters and the bar of the scale are yellow.
      return red === blue ? (red as number) : 0
    }
    const opacity = (x: number, y: number) => map.data[(y * map.width + x) * 4 + 3] as number
    const [wide, deep] = [Math.round((44 * 4) / 1.5), Math.round((36 * 5) / 1.5)]
    for (const [left, width] of [
      [0, wide],
      [wide + 4, wide],
      [2 * (wide + 4), deep],
    ] as const) {
      const [ball, shown] = [bright, opacity].map((weight) => middle(left, width, grey.height, weight))
      for (const axis of [0, 1]) expect(Math.abs(ball![axis]! - shown![axis]!)).toBeLessThan(2)
    }
  })

  it('ends at the scan where the network saw padding', () => {
    const dense = denseWith([0, 0, 0])
    const scan = ballAt([0, 0, 0], 20)
    const corner = applyAffine(invertAffine(scan.affine), applyAffine(dense.affine, [0, 0, 0]))
    expect(corner.some((index, axis) => index < 0 || index > scan.shape[axis]! - 1)).toBe(true)
    expect(() => drawScan(scan, dense, [Float32Array.of(0, 1)])).not.toThrow()
  })
})
