import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decode } from 'fast-png'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import { applyAffine, invertAffine, type Triple } from '../../src/data/geometry.js'
import { reorient } from '../../src/data/orientation.js'
import { makeChestPhantom } from '../../src/data/phantom/chest.js'
import type { RgbImage } from '../../src/data/picture/canvas.js'
import { writePng } from '../../src/data/picture/png.js'
import { renderOrthogonalSlices, type SliceOptions } from '../../src/data/picture/slices.js'
import { resolveWindow } from '../../src/data/picture/windows.js'
import { type Volume, volumeFromArray } from '../../src/data/volume.js'
import { countingVolume, orientations, sameBytes, temporaryFolder } from './helpers.js'

/** 41 x 31 x 21 voxels of 1 x 1 x 2 mm in RAS, black but for a white block around a point (mm from the middle). */
function volumeWithBlock(block: Triple): Volume {
  const affine = [1, 0, 0, -20, 0, 1, 0, -15, 0, 0, 2, -20, 0, 0, 0, 1]
  const volume = volumeFromArray(new Int16Array(41 * 31 * 21).fill(-1000), [41, 31, 21], affine)
  const [x, y, z] = applyAffine(invertAffine(affine), block).map(Math.round) as Triple
  for (const i of [x - 1, x, x + 1]) {
    for (const j of [y - 1, y, y + 1]) for (const k of [z - 1, z, z + 1]) volume.data[(i * 31 + j) * 21 + k] = 1000
  }
  return volume
}

/** Centre of the pixels in pure white, per plane (axial, coronal, sagittal); letters and scale are yellow. */
function whiteSpots(image: RgbImage): ([number, number] | undefined)[] {
  const starts = [0, 45, 90, 121]
  return [0, 1, 2].map((plane) => {
    const spots: [number, number][] = []
    for (let y = 0; y < image.height; y++) {
      for (let x = starts[plane]!; x < starts[plane + 1]!; x++) {
        const at = (y * image.width + x) * 3
        if (image.data.slice(at, at + 3).every((value) => value === 255)) spots.push([x - starts[plane]!, y])
      }
    }
    const mean = (axis: 0 | 1) => spots.reduce((sum, spot) => sum + spot[axis], 0) / spots.length
    return spots.length === 0 ? undefined : [mean(0), mean(1)]
  })
}

describe('renderOrthogonalSlices', () => {
  test('pixels are square and planes stand side by side', () => {
    const { width, height, data } = renderOrthogonalSlices(volumeWithBlock([0, 0, 0]))
    expect([width, height, data.length]).toEqual([41 + 4 + 41 + 4 + 31, 42, width * height * 3])
  })

  test('the left of the patient is on the right, the front above, the head above', () => {
    const [axial] = whiteSpots(renderOrthogonalSlices(volumeWithBlock([-12, 10, 0])))
    expect(axial).toEqual([32, 5])
    const [, coronal] = whiteSpots(renderOrthogonalSlices(volumeWithBlock([12, 0, 14])))
    expect(coronal![0]).toBe(8)
    expect(coronal![1]).toBeLessThan(10)
    const [, , sagittal] = whiteSpots(renderOrthogonalSlices(volumeWithBlock([0, 10, -14])))
    expect(sagittal![0]).toBe(5)
    expect(sagittal![1]).toBeGreaterThan(32)
  })

  test('does not depend on the order of axes', () => {
    const volume = volumeWithBlock([6, 4, 8])
    const expected = renderOrthogonalSlices(volume)
    for (const codes of orientations) {
      expect(sameBytes(renderOrthogonalSlices(reorient(volume, codes)).data, expected.data)).toBe(true)
    }
  })

  test('labels are coloured, the rest is not', () => {
    const volume = volumeWithBlock([0, 0, 0])
    const labels = { ...volume, data: Uint8Array.from(volume.data, (value) => (value > 0 ? 1 : 0)) }
    const plain = renderOrthogonalSlices(volume).data
    const coloured = renderOrthogonalSlices(volume, { overlay: labels, overlayOpacity: 1 }).data
    const changed = plain.filter((value, n) => value !== coloured[n]).length
    expect(changed).toBeGreaterThan(20)
    expect(renderOrthogonalSlices(volume, { overlay: labels, overlayOpacity: 0 }).data).toEqual(plain)
  })

  test('planes go through a chosen point', () => {
    const volume = volumeWithBlock([12, 10, 14])
    expect(whiteSpots(renderOrthogonalSlices(volume)).every((spot) => spot === undefined)).toBe(true)
    const [axial, coronal, sagittal] = whiteSpots(renderOrthogonalSlices(volume, { pointMm: [12, 10, 14] }))
    expect([axial, coronal?.[0], sagittal?.[0]]).toEqual([[8, 5], 8, 5])
  })

  test('outlines are opaque, areas are not', () => {
    const volume = countingVolume([60, 60, 60])
    const labels = volumeFromArray(new Uint8Array(60 ** 3), [60, 60, 60], volume.affine)
    for (let i = 25; i < 50; i++) {
      for (let j = 25; j < 50; j++) labels.data.fill(1, (i * 60 + j) * 60 + 10, (i * 60 + j) * 60 + 50)
    }
    const image = renderOrthogonalSlices(volume, {
      window: { center: 1e6, width: 1 },
      overlay: labels,
      overlayOpacity: 0.5,
      overlayOutline: true,
    })
    const colour = (x: number, y: number) => [
      ...image.data.slice((y * image.width + x) * 3, (y * image.width + x) * 3 + 3),
    ]
    // Right and front are left and above: voxels 49 to 25 are pixels 10 to 34.
    expect([colour(10, 20), colour(20, 20), colour(9, 20)]).toEqual([
      [230, 159, 0],
      [115, 80, 0],
      [0, 0, 0],
    ])
  })

  test('the colour bar runs from black below to white above, and moves nothing', () => {
    const volume = volumeWithBlock([0, 0, 0])
    const plain = renderOrthogonalSlices(volume, { window: 'lung' })
    const image = renderOrthogonalSlices(volume, { window: 'lung', colourBar: true })
    expect([image.height, image.width > plain.width]).toEqual([plain.height, true])
    const at = (x: number, y: number) => image.data[(y * image.width + x) * 3]!
    const bar = Array.from({ length: image.height - 6 }, (_, y) => at(plain.width + 4 + 5, y + 3))
    expect([bar[0]! > 245, bar.at(-1)! < 10]).toEqual([true, true])
    expect(bar.every((grey, y) => y === 0 || grey < bar[y - 1]!)).toBe(true)
    for (let y = 0; y < plain.height; y++) {
      const row = (picture: RgbImage) =>
        picture.data.slice(y * picture.width * 3, (y * picture.width + plain.width) * 3)
      expect(row(image)).toEqual(row(plain))
    }
  })

  test('the automatic window spans the percentiles', () => {
    const volume = volumeFromArray(
      Float32Array.from({ length: 1000 }, (_, n) => n),
      [10, 10, 10],
      countingVolume([1, 1, 1]).affine,
    )
    volume.data[7] = Number.NaN
    const { center, width } = resolveWindow('auto', volume)
    expect(center - width / 2).toBeCloseTo(5, -1)
    expect(center + width / 2).toBeCloseTo(994, -1)
    const flat = { ...volume, data: new Float32Array(1000).fill(3) }
    expect(resolveWindow('auto', flat)).toEqual({ center: 3, width: 1 })
  })

  test('one slice, one voxel and NaN are no problem', () => {
    for (const shape of [
      [40, 40, 1],
      [1, 1, 1],
    ] as Triple[]) {
      expect(renderOrthogonalSlices(countingVolume(shape)).height).toBe(shape[1])
    }
    const hole = volumeFromArray(new Float32Array([Number.NaN]), [1, 1, 1], countingVolume([1, 1, 1]).affine)
    expect([...renderOrthogonalSlices(hole).data.slice(0, 3)]).toEqual([0, 0, 0])
  })

  test.each<[string, SliceOptions]>([
    ['an unknown window', { window: 'heart' as 'lung' }],
    ['a window of no width', { window: { center: 0, width: 0 } }],
    ['an overlay of another shape', { overlay: countingVolume([1, 2, 3]) }],
    ['pixels of no size', { pixelMm: 0 }],
    ['pixels without number', { pixelMm: 1e-5 }],
    ['a point outside', { pointMm: [9, 0, 0] }],
    ['an opacity above 1', { overlayOpacity: 2 }],
  ])('refuses %s', (_, options) => {
    expect(() => renderOrthogonalSlices(countingVolume([4, 4, 4]), options)).toThrow(DataError)
  })
})

test('writePng writes what was rendered', async () => {
  const path = join(await temporaryFolder(), 'a.png')
  const { volume, labels } = makeChestPhantom({ seed: 1, shape: [48, 40, 40], spacingMm: [8, 8, 8] })
  const image = renderOrthogonalSlices(volume, { window: 'mediastinum', overlay: labels })
  await writePng(path, image)
  const decoded = decode(new Uint8Array(await readFile(path)))
  expect({ width: decoded.width, height: decoded.height, data: decoded.data }).toEqual(image)
  await expect(writePng(join(path, 'b.png'), image)).rejects.toThrow(DataError)
})
