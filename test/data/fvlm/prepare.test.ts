import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  anatomyGroups,
  cropAndFlip,
  drawCrop,
  groupedLabels,
  mergeLabels,
  parseLabelMapping,
  prepareFvlmScan,
  RandomStream,
  reorient,
  rescaleToHounsfield,
  type Triple,
  totalSegmentatorLabels,
  volumeFromArray,
} from '../../../src/data/index.js'

/** 1 x 1 x 3 mm, array axes toward left, posterior and superior. */
const lps = [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1]
const shape: Triple = [40, 36, 20]

/** Soft tissue in air, with a heart in its middle. */
function chest() {
  const hu = new Int16Array(shape[0] * shape[1] * shape[2]).fill(-1000)
  const labels = new Uint8Array(hu.length)
  for (let i = 8; i < 32; i++) {
    for (let j = 8; j < 28; j++) {
      for (let k = 2; k < 18; k++) hu[(i * shape[1] + j) * shape[2] + k] = 40 + i
    }
  }
  for (let i = 12; i < 26; i++) {
    for (let j = 14; j < 22; j++) for (let k = 6; k < 12; k++) labels[(i * shape[1] + j) * shape[2] + k] = 51
  }
  return { scan: volumeFromArray(hu, shape, lps), mask: volumeFromArray(labels, shape, lps) }
}

const small = { spacingMm: [1, 1, 3], windowHu: [-1150, 350], margin: [1, 2, 3], leastExtents: [4, 5, 6] } as const

describe('preparing a scan', () => {
  it('cuts to the anatomies with the published margins and gives [D, H, W]', () => {
    const { scan, mask } = chest()
    const prepared = prepareFvlmScan(scan, mask, { preprocessing: small })
    // Upper margins are one voxel short.
    expect(prepared.extents).toEqual([7, 11, 19])
    const [, height, width] = prepared.extents
    expect(prepared.labels[(1 * height + 2) * width + 3]).toBe(2)
    expect(prepared.image[(1 * height + 2) * width + 3]).toBeCloseTo((40 + 12 + 1150) / 1500, 6)
    expect(Math.min(...prepared.image)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...prepared.image)).toBeLessThanOrEqual(1)
  })

  it('fills up to the least extents, half before and the rest behind', () => {
    const { scan, mask } = chest()
    const preprocessing = { ...small, leastExtents: [10, 11, 19] as const }
    const { extents, labels } = prepareFvlmScan(scan, mask, { preprocessing })
    expect(extents).toEqual([10, 11, 19])
    expect(labels.slice(0, 2 * 11 * 19).every((label) => label === 0)).toBe(true)
    expect(labels[((1 + 1) * 11 + 2) * 19 + 3]).toBe(2)
  })

  it('gives the same for any array order of the file', () => {
    const { scan, mask } = chest()
    const want = prepareFvlmScan(scan, mask, { preprocessing: small })
    fc.assert(
      fc.property(fc.constantFrom('RAS', 'LPI', 'SAR', 'PLS'), (codes) => {
        const turned = prepareFvlmScan(reorient(scan, codes), reorient(mask, codes), { preprocessing: small })
        expect(turned).toEqual(want)
      }),
      { numRuns: 4 },
    )
  })

  it('refuses a missing mask with the way to make one', () => {
    expect(() => prepareFvlmScan(chest().scan, undefined)).toThrow(/TotalSegmentator.*mapping file/)
  })

  it('refuses a mask without the anatomies, of another size, and from elsewhere', () => {
    const { scan, mask } = chest()
    const empty = volumeFromArray(new Uint8Array(mask.data.length), shape, lps)
    expect(() => prepareFvlmScan(scan, empty)).toThrow(/no voxel belongs to lung, heart, esophagus, aorta/)
    const other = volumeFromArray(new Uint8Array(8), [2, 2, 2], lps)
    expect(() => prepareFvlmScan(scan, other)).toThrow(/2 x 2 x 2/)
    const moved = { ...mask, affine: lps.map((value, i) => (i === 3 ? 5 : value)) }
    expect(() => prepareFvlmScan(scan, moved)).toThrow(/elsewhere/)
  })
})

describe('intensities', () => {
  const { scan, mask } = chest()
  const stored = { ...scan, data: Int16Array.from(scan.data, (value) => value + 1024) }
  const rescale = { slope: 1, intercept: -1024 }

  it('go from stored numbers to HU once', () => {
    const once = rescaleToHounsfield(stored, rescale)
    expect(once.data).toEqual(scan.data)
    expect(() => rescaleToHounsfield(once, rescale)).toThrow(/in HU already/)
  })

  it('are refused when they were rescaled twice, or never', () => {
    const twice = { ...scan, data: Int16Array.from(scan.data, (value) => value - 1024) }
    expect(() => prepareFvlmScan(twice, mask)).toThrow(/rescaled twice/)
    expect(() => prepareFvlmScan(stored, mask)).toThrow(/not in HU/)
  })
})

describe('label mappings', () => {
  it('have 36 groups that share no label', () => {
    expect(anatomyGroups).toHaveLength(36)
    for (const version of [1, 2] as const) {
      const labels = Object.values(groupedLabels(version)).flat()
      expect(new Set(labels).size).toBe(labels.length)
    }
    // All 104 classes of the first version belong somewhere.
    expect(
      Object.values(groupedLabels(1))
        .flat()
        .sort((a, b) => a - b),
    ).toEqual(Array.from({ length: 104 }, (_, i) => i + 1))
  })

  it('merge by anatomy and drop the rest', () => {
    const labels = volumeFromArray(Uint8Array.from([0, 10, 14, 51, 61, 15, 52, 1]), [2, 2, 2], lps)
    const merged = mergeLabels(labels, Object.keys(totalSegmentatorLabels), totalSegmentatorLabels)
    expect([...merged.data]).toEqual([0, 1, 1, 2, 2, 3, 4, 0])
    expect(() => mergeLabels(labels, ['liver'], totalSegmentatorLabels)).toThrow(/liver/)
    const halves = volumeFromArray(Float32Array.from([0.5, 1, 1, 1, 1, 1, 1, 1]), [2, 2, 2], lps)
    expect(() => mergeLabels(halves, ['lung'], { lung: [1] })).toThrow(/0.5/)
  })

  it('are read from JSON, and refused when two anatomies claim a label', () => {
    expect(parseLabelMapping('{"lung": [1, 2], "heart": []}')).toEqual({ lung: [1, 2], heart: [] })
    expect(() => parseLabelMapping('{"lung": [1], "heart": [1]}', 'map.json')).toThrow(/map.json: label 1/)
    expect(() => parseLabelMapping('{"lung": [1], "lung": [2]}')).toThrow(/twice/)
    expect(() => parseLabelMapping('{"lung": 1}')).toThrow(/lists/)
    expect(() => parseLabelMapping('lung')).toThrow(/JSON/)
  })
})

describe('training crops', () => {
  const extents: Triple = [4, 5, 6]
  const image = Float32Array.from({ length: 120 }, (_, i) => i)
  const scan = { image, labels: Uint8Array.from(image, (i) => i % 5), extents }

  it('move image and labels together, and flip back', () => {
    const axis = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2))
    const flips = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean())
    fc.assert(
      fc.property(axis, flips, (start, flip) => {
        const size: Triple = [2, 3, 4]
        const crop = cropAndFlip(scan, { start, flip }, size)
        expect([...crop.labels]).toEqual(Array.from(crop.image, (value) => value % 5))
        const back = cropAndFlip(crop, { start: [0, 0, 0], flip }, size)
        expect(back.image[0]).toBe((start[0] * 5 + start[1]) * 6 + start[2])
      }),
    )
  })

  it('begin anywhere that they fit, and repeat with the seed', () => {
    const draw = () => drawCrop(scan, new RandomStream(7, 0), { extents: [2, 3, 4] })
    expect(draw()).toEqual(draw())
    expect(() => drawCrop(scan, new RandomStream(7, 0), { extents: [5, 3, 4] })).toThrow(/5 x 3 x 4/)
  })
})
