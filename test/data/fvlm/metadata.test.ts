import { describe, expect, it } from 'vitest'
import { type CtRateMetadata, fixCtRateVolume, type Triple, volumeFromArray } from '../../../src/data/index.js'

const shape: Triple = [10, 10, 10]
/** Half air, half soft tissue, in stored numbers of slope 2 and intercept -1024. */
const stored = volumeFromArray(
  Int16Array.from({ length: 1000 }, (_, n) => (n < 500 ? 12 : 532)),
  shape,
  [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
)
const row: CtRateMetadata = {
  XYSpacing: '[0.75, 0.5]',
  ZSpacing: '1.5',
  ImagePositionPatient: "['-180', '-160.5', '90']",
  ImageOrientationPatient: '[1, 0, 0, 0, 1, 0]',
  RescaleSlope: '2',
  RescaleIntercept: '-1024',
}
const plain = { ...row, ImagePositionPatient: '[-180, -160.5, 90]' }

describe('the metadata of CT-RATE', () => {
  it('gives a volume its place and its HU', () => {
    const fixed = fixCtRateVolume(stored, plain)
    expect(fixed.data[0]).toBe(-1000)
    expect(fixed.data[999]).toBe(40)
    expect(fixed.affine).toEqual([-0.75, -0, -0, 180, -0, -0.5, -0, 160.5, 0, 0, 1.5, 90, 0, 0, 0, 1])
  })

  it('writes the cosines as rows, as published', () => {
    const turned = fixCtRateVolume(stored, {
      ...plain,
      XYSpacing: '[1, 1]',
      ImageOrientationPatient: '[0, 1, 0, -1, 0, 0]',
    })
    // Row 0 of the direction is the first cosine, (0, 1, 0).
    expect(turned.affine.slice(0, 3).map((value) => value + 0)).toEqual([0, -1, 0])
    expect(turned.affine.slice(4, 7).map((value) => value + 0)).toEqual([1, 0, 0])
  })

  it('is refused for a volume that is in HU already, and for a row without numbers', () => {
    const fixed = fixCtRateVolume(stored, plain)
    expect(() => fixCtRateVolume(fixed, { ...plain, RescaleSlope: '1' })).toThrow(/in HU already.*spoil/)
    expect(() => fixCtRateVolume(stored, { ...plain, ZSpacing: '' })).toThrow(/ZSpacing.*not 1 numbers/)
    expect(() => fixCtRateVolume(stored, row)).toThrow(/ImagePositionPatient/)
    expect(() => fixCtRateVolume(stored, {} as CtRateMetadata)).toThrow(/has no RescaleSlope/)
  })
})
