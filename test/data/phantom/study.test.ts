import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../../src/data/errors.js'
import { groupedLabels, mergeLabels } from '../../../src/data/fvlm/index.js'
import { axisCodes } from '../../../src/data/orientation.js'
import {
  findingFacts,
  lungLobeLabels,
  type PhantomFindingName,
  type PhantomStudyOptions,
  phantomAnatomies,
  phantomCase,
  phantomFindings,
  phantomOrgans,
  phantomSeedRanges,
  phantomSeeds,
  phantomSplitOf,
  phantomStudy,
} from '../../../src/data/phantom/index.js'
import { spacingMm, type Volume, validateVolume } from '../../../src/data/volume.js'
import { sameBytes } from '../helpers.js'

const coarse: PhantomStudyOptions = { shape: [48, 36, 48] }
const seeds = fc.integer({ min: 0, max: 2 ** 32 })

const only = (name?: PhantomFindingName): Record<PhantomFindingName, boolean> =>
  Object.fromEntries(phantomFindings.map((other) => [other, other === name])) as Record<PhantomFindingName, boolean>

describe('a phantom study', () => {
  const study = phantomStudy(5, coarse)

  test('is a CT in LPS order with a mask on its grid', () => {
    for (const volume of [study.volume, study.masks]) {
      validateVolume(volume)
      expect(axisCodes(volume.affine)).toBe('LPS')
      expect(spacingMm(volume)).toEqual([8, 8, 8])
    }
    expect(study.volume.data).toBeInstanceOf(Int16Array)
    expect(study.masks.data).toBeInstanceOf(Uint8Array)
  })

  test('depends on the seed and on nothing else', () => {
    const again = phantomStudy(5, coarse)
    expect(sameBytes(again.volume.data, study.volume.data)).toBe(true)
    expect(sameBytes(again.masks.data, study.masks.data)).toBe(true)
    expect(again.report).toEqual(study.report)
    const other = phantomStudy(6, coarse)
    expect(sameBytes(other.masks.data, study.masks.data)).toBe(false)
  })

  /** A change of this number is a change of every phantom: trained models and stored results are then of other data. */
  test('is the same on every machine', () => {
    const bytes = new Uint8Array(study.volume.data.buffer)
    let hash = 0x811c9dc5
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
    expect((hash >>> 0).toString(16)).toMatchInlineSnapshot(`"5e64317f"`)
  })

  test('tells without voxels what it would show', () => {
    const { volume: _volume, masks: _masks, ...told } = study
    expect(phantomCase(5, coarse)).toEqual(told)
  })

  test('shows every anatomy of the reports to the data layer of fVLM', () => {
    for (let seed = 0; seed < 12; seed++) {
      const { masks } = phantomStudy(seed, coarse)
      const merged = mergeLabels(masks, phantomAnatomies, groupedLabels(2))
      const there = new Set(merged.data)
      expect(phantomAnatomies.filter((_, n) => !there.has(n + 1))).toEqual([])
    }
  })

  test('has plausible HU in its organs', () => {
    for (let seed = 0; seed < 8; seed++) {
      const { volume, masks, phase } = phantomStudy(seed, { ...coarse, noise: 0, present: only() })
      const median = (labels: readonly number[]) => {
        const values = [...volume.data].filter((_, n) => labels.includes(masks.data[n]!)).sort((a, b) => a - b)
        return values[values.length >> 1]!
      }
      const ranges: [readonly number[], number, number][] = [
        [lungLobeLabels, -960, -650],
        [[phantomOrgans.liver], 45, 135],
        [[phantomOrgans.spleen], 35, 145],
        [[phantomOrgans.aorta], phase === 'native' ? 20 : 90, phase === 'native' ? 70 : 350],
        [[phantomOrgans.rightKidney, phantomOrgans.leftKidney], 10, 215],
        [[phantomOrgans.gallbladder], -30, 70],
        [[phantomOrgans.trachea], -1024, -300],
      ]
      for (const [labels, low, high] of ranges) {
        expect(median(labels)).toBeGreaterThan(low)
        expect(median(labels)).toBeLessThan(high)
      }
      expect(Math.min(...volume.data)).toBeGreaterThanOrEqual(-1024)
      expect(Math.max(...volume.data)).toBeLessThanOrEqual(3071)
    }
  })

  test('keeps its patient on another grid', () => {
    const fine = phantomStudy(5, { shape: [96, 72, 96] })
    expect(fine.report).toEqual(study.report)
    const litres = (masks: typeof study.masks) => {
      const voxel = spacingMm(masks).reduce((product, mm) => product * mm, 1e-6)
      return masks.data.filter((label) => lungLobeLabels.includes(label)).length * voxel
    }
    expect(litres(fine.masks)).toBeGreaterThan(1.5)
    expect(Math.abs(litres(fine.masks) / litres(study.masks) - 1)).toBeLessThan(0.03)
  })
})

describe('findings', () => {
  /** Voxels at most so many from those of a mask's anatomy: edges blur into them. */
  function around({ data, shape }: Volume, labels: readonly number[], reach: number): Uint8Array {
    const [width, height, depth] = shape
    const out = new Uint8Array(data.length)
    const span = (at: number, size: number) => [Math.max(0, at - reach), Math.min(size - 1, at + reach)] as const
    for (let n = 0; n < out.length; n++) {
      if (!labels.includes(data[n]!)) continue
      const [a0, a1] = span(n % width, width)
      const [b0, b1] = span(Math.floor(n / width) % height, height)
      const [c0, c1] = span(Math.floor(n / (width * height)), depth)
      for (let c = c0; c <= c1; c++) {
        for (let b = b0; b <= b1; b++) out.fill(1, (c * height + b) * width + a0, (c * height + b) * width + a1 + 1)
      }
    }
    return out
  }

  const healthy = [3, 11, 12, 17, 29].map((seed) => phantomStudy(seed, { ...coarse, noise: 0, present: only() }))

  test.each(phantomFindings)('%s changes its organ and nothing else', (name) => {
    const labels = groupedLabels(2)[findingFacts[name].anatomy]!
    for (const normal of healthy) {
      const ill = phantomStudy(normal.seed, { ...coarse, noise: 0, present: only(name) })
      const [near, nearer] = [2, 1].map((reach) => {
        const [before, after] = [around(normal.masks, labels, reach), around(ill.masks, labels, reach)]
        return before.map((value, n) => value | after[n]!)
      })
      const tally = { changed: 0, beside: 0, elsewhere: 0 }
      for (let n = 0; n < near!.length; n++) {
        // A change that noise of the best scanner would hide is none.
        if (Math.abs(normal.volume.data[n]! - ill.volume.data[n]!) < 5) continue
        tally.changed++
        if (!nearer![n]) tally.beside++
        if (!near![n]) tally.elsewhere++
      }
      expect(tally.changed, `seed ${normal.seed}`).toBeGreaterThan(0)
      expect(tally.elsewhere, `seed ${normal.seed}`).toBe(0)
      // Edges of what another organ covers count as beside.
      expect(tally.beside, `seed ${normal.seed}`).toBeLessThanOrEqual(Math.max(3, 0.03 * tally.changed))
      expect(ill.findings.map((finding) => finding.name)).toEqual([name])
    }
  })

  test('show on coarse grids too, small ones as well', () => {
    const options: PhantomStudyOptions = { shape: [32, 32, 32], noise: 0, difficulty: 1 }
    const normal = phantomStudy(8, { ...options, present: only() })
    for (const name of phantomFindings) {
      const ill = phantomStudy(8, { ...options, present: only(name) })
      expect(
        Math.max(...ill.volume.data.map((value, n) => Math.abs(value - normal.volume.data[n]!))),
        name,
      ).toBeGreaterThan(15)
    }
  })

  test('come with the prevalence that is stated, each by itself', () => {
    const cases = phantomSeeds('train', 1500).map((seed) => phantomCase(seed).labels)
    const rate = (name: PhantomFindingName, among = cases) =>
      among.reduce((sum, labels) => sum + labels[name], 0) / among.length
    for (const [n, name] of phantomFindings.entries()) {
      expect(rate(name)).toBeCloseTo(findingFacts[name].prevalence, 1)
      const other = phantomFindings[(n + 5) % phantomFindings.length]!
      expect(
        Math.abs(
          rate(
            name,
            cases.filter((labels) => labels[other] === 1),
          ) - rate(name),
        ),
      ).toBeLessThan(0.09)
    }
  })

  test('can be asked for and taken away without changing the rest', () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(...phantomFindings), (seed, name) => {
        const free = phantomCase(seed)
        for (const wanted of [true, false]) {
          const forced = phantomCase(seed, { present: { [name]: wanted } })
          expect(forced.labels[name]).toBe(wanted ? 1 : 0)
          const rest = (findings: typeof free.findings) => findings.filter((finding) => finding.name !== name)
          expect(rest(forced.findings)).toEqual(rest(free.findings))
        }
      }),
      { numRuns: 40 },
    )
  })
})

describe('splits', () => {
  test('share no seed', () => {
    const ranges = Object.values(phantomSeedRanges)
    for (const [n, range] of ranges.entries()) {
      for (const other of ranges.slice(n + 1)) {
        expect(range.first + range.count <= other.first || other.first + other.count <= range.first).toBe(true)
      }
    }
    fc.assert(
      fc.property(
        fc.constantFrom('train', 'validation', 'test' as const),
        fc.nat({ max: 1e9 - 50 }),
        (split, offset) => {
          expect(phantomSeeds(split as 'train', 50, offset).map(phantomSplitOf)).toEqual(Array(50).fill(split))
        },
      ),
    )
    expect(phantomSplitOf(3e9)).toBeUndefined()
    expect(() => phantomSeeds('train', 2, 1e9 - 1)).toThrow(DataError)
  })
})

test.each<[string, number, PhantomStudyOptions]>([
  ['seed', -1, {}],
  ['shape', 1, { shape: [0, 8, 8] }],
  ['spacing', 1, { spacingMm: [1, Number.NaN, 1] }],
  ['noise', 1, { noise: -1 }],
  ['difficulty', 1, { difficulty: 2 }],
  ['finding', 1, { present: { Rickets: true } as PhantomStudyOptions['present'] & object }],
])('refuses a wrong %s', (_, seed, options) => {
  expect(() => phantomStudy(seed, { shape: [8, 8, 8], ...options })).toThrow(DataError)
})
