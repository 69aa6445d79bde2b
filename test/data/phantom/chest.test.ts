import { describe, expect, test } from 'vitest'
import { DataError } from '../../../src/data/errors.js'
import { applyAffine, type Triple } from '../../../src/data/geometry.js'
import { axisCodes } from '../../../src/data/orientation.js'
import { makeChestPhantom, type Phantom, type PhantomOptions } from '../../../src/data/phantom/chest.js'
import { type PhantomLabel, phantomLabels } from '../../../src/data/phantom/chest-anatomy.js'
import { validateVolume, voxelAt } from '../../../src/data/volume.js'
import { sameBytes } from '../helpers.js'

const coarse: PhantomOptions = { seed: 1, shape: [96, 80, 80], spacingMm: [4, 4, 4] }

/** Volume in ml, mean HU and centre in RAS mm of what carries a label. */
function measure({ volume, labels }: Phantom, label: PhantomLabel) {
  let [count, hu] = [0, 0]
  const centre: Triple = [0, 0, 0]
  for (let i = 0; i < labels.shape[0]; i++) {
    for (let j = 0; j < labels.shape[1]; j++) {
      for (let k = 0; k < labels.shape[2]; k++) {
        if (voxelAt(labels, i, j, k) !== phantomLabels[label]) continue
        count++
        hu += voxelAt(volume, i, j, k)
        for (const [row, mm] of applyAffine(labels.affine, [i, j, k]).entries()) centre[row]! += mm
      }
    }
  }
  const voxelMl = Math.abs(labels.affine[0]! * labels.affine[5]! * labels.affine[10]!) / 1000
  return { ml: count * voxelMl, hu: hu / count, centre: centre.map((sum) => sum / count) as Triple }
}

describe('a normal chest', () => {
  const phantom = makeChestPhantom(coarse)

  test('is a CT in LPS order', () => {
    expect(axisCodes(phantom.volume.affine)).toBe('LPS')
    expect(phantom.volume.data).toBeInstanceOf(Int16Array)
    expect(phantom.labels.data).toBeInstanceOf(Uint8Array)
    validateVolume(phantom.volume)
    validateVolume(phantom.labels)
    expect(phantom.findings).toEqual([])
    expect(phantom.report).toBe('No pulmonary nodule. No pleural effusion.')
  })

  test.each<[PhantomLabel, { ml: [number, number]; hu: [number, number]; side: 'right' | 'left' | 'middle' }]>([
    ['rightLung', { ml: [1800, 3200], hu: [-880, -800], side: 'right' }],
    ['leftLung', { ml: [1500, 3000], hu: [-880, -800], side: 'left' }],
    ['heart', { ml: [300, 800], hu: [35, 60], side: 'left' }],
    ['liver', { ml: [500, 2500], hu: [50, 70], side: 'right' }],
    ['spleen', { ml: [50, 500], hu: [40, 60], side: 'left' }],
    ['bone', { ml: [300, 1500], hu: [250, 700], side: 'middle' }],
    ['airway', { ml: [20, 80], hu: [-1024, -950], side: 'middle' }],
    ['aorta', { ml: [60, 250], hu: [30, 55], side: 'middle' }],
    ['couch', { ml: [1000, 9000], hu: [-950, -600], side: 'middle' }],
  ])('%s has its size, density and side', (label, expected) => {
    const { ml, hu, centre } = measure(phantom, label)
    expect(ml).toBeGreaterThan(expected.ml[0])
    expect(ml).toBeLessThan(expected.ml[1])
    expect(hu).toBeGreaterThan(expected.hu[0])
    expect(hu).toBeLessThan(expected.hu[1])
    const side = Math.abs(centre[0]) < 12 ? 'middle' : centre[0] > 0 ? 'right' : 'left'
    expect(side).toBe(expected.side)
  })

  test('has the noise asked for', () => {
    const quiet = makeChestPhantom({ ...coarse, noiseHu: 0 })
    const noise: number[] = []
    // Air is left out: values below -1024 are cut off there.
    quiet.volume.data.forEach((value, n) => {
      if (value > -900) noise.push(phantom.volume.data[n]! - value)
    })
    const variance = noise.reduce((sum, value) => sum + value ** 2, 0) / noise.length
    expect(Math.sqrt(variance)).toBeCloseTo(15, 0)
  })

  test('depends on the seed and on nothing else', () => {
    const again = makeChestPhantom(coarse)
    expect(sameBytes(again.volume.data, phantom.volume.data)).toBe(true)
    expect(sameBytes(again.labels.data, phantom.labels.data)).toBe(true)
    expect(sameBytes(makeChestPhantom({ ...coarse, seed: 2 }).labels.data, phantom.labels.data)).toBe(false)
    const withNodule = makeChestPhantom({ ...coarse, nodule: { diameterMm: 20 } })
    const changed = withNodule.labels.data.filter((label, n) => label !== phantom.labels.data[n])
    expect(new Set(changed)).toEqual(new Set([phantomLabels.nodule]))
  })

  test('shines with contrast', () => {
    expect(measure(makeChestPhantom({ ...coarse, contrast: true }), 'aorta').hu).toBeGreaterThan(200)
  })
})

describe('findings', () => {
  test('a nodule is where the report says, and as large', () => {
    const phantom = makeChestPhantom({
      ...{ seed: 4, shape: [128, 106, 106], spacingMm: [3, 3, 3] },
      nodule: { diameterMm: 20, lobe: 'left upper lobe' },
    })
    expect(phantom.report).toBe('Nodule of 20 mm in the left upper lobe. No pleural effusion.')
    const { ml, hu, centre } = measure(phantom, 'nodule')
    expect(ml).toBeCloseTo((4 / 3) * Math.PI, 0)
    expect(hu).toBeCloseTo(30, -1)
    const [finding] = phantom.findings
    expect(finding?.kind === 'nodule' && finding.centreMm.every((mm, row) => Math.abs(mm - centre[row]!) < 1)).toBe(
      true,
    )
    expect(centre[0]).toBeLessThan(0)
  })

  test('an effusion lies at the back of its side', () => {
    const phantom = makeChestPhantom({ ...coarse, effusion: { side: 'right', depthMm: 50 } })
    expect(phantom.report).toBe('No pulmonary nodule.'.replace('No', 'Large pleural effusion on the right. No'))
    const { ml, centre } = measure(phantom, 'effusion')
    expect(ml).toBeGreaterThan(100)
    expect(centre[0]).toBeGreaterThan(0)
    expect(centre[1]).toBeLessThan(-40)
  })

  test('drawn at random, always fit', () => {
    const small: PhantomOptions = { seed: 0, shape: [8, 8, 8], sizeMm: [400, 320, 320] }
    for (let seed = 0; seed < 40; seed++) {
      const { findings, report } = makeChestPhantom({ ...small, seed, nodule: true, effusion: true })
      expect(findings.map(({ kind }) => kind)).toEqual(['nodule', 'effusion'])
      expect(report).toMatch(
        /^Nodule of \d+ mm in the (right|left) \w+ lobe\. \w+ pleural effusion on the (right|left)\.$/,
      )
    }
  })
})

test.each<[string, Partial<PhantomOptions>]>([
  ['seed', { seed: -1 }],
  ['shape', { shape: [0, 8, 8] }],
  ['spacing', { spacingMm: [1, Number.NaN, 1] }],
  ['two sizes', { sizeMm: [1, 1, 1] }],
  ['noise', { noiseHu: Number.NaN }],
  ['nodule outside the lungs', { nodule: { centreMm: [0, 0, 0] } }],
  ['nodule of no size', { nodule: { diameterMm: 0 } }],
  ['effusion without end', { effusion: { depthMm: 1e9 } }],
])('refuses a wrong %s', (_, change) => {
  expect(() => makeChestPhantom({ ...coarse, shape: [8, 8, 8], ...change })).toThrow(DataError)
})
