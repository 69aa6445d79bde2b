import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { radChestCtAsCtRate } from '../../../src/data/index.js'
import { auroc, averagePrecision, BinaryScores, evaluateCohort, mergeForRadChestCt } from '../../../src/train/index.js'

describe('evaluateCohort', () => {
  const study = fc.record({
    patient: fc.integer({ min: 0, max: 5 }).map(String),
    scores: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
    labels: fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 1 })),
  })

  it('gives the measures of every finding, and their means where they are defined', () => {
    fc.assert(
      fc.property(fc.array(study, { minLength: 1, maxLength: 12 }), (studies) => {
        const cohort = {
          findings: ['a', 'b'],
          patients: studies.map(({ patient }) => patient),
          scores: studies.flatMap(({ scores }) => scores),
          labels: studies.flatMap(({ labels }) => labels),
        }
        const result = evaluateCohort(cohort, { seed: 1, replicates: 20 })
        const column = (n: 0 | 1) =>
          [studies.map(({ scores }) => scores[n]), studies.map(({ labels }) => labels[n])] as const
        const values = ([0, 1] as const).map((n) => auroc(...column(n)))
        for (const [n, name] of ['a', 'b'].entries()) {
          const { auroc: interval, averagePrecision: precision, f1, positives } = result.findings[name]!
          expect(interval.estimate).toEqual(values[n])
          expect(positives).toBe(column(n as 0 | 1)[1].filter((label) => label === 1).length)
          if (positives === 0) expect(f1.estimate).toBeNaN()
          else {
            expect(f1.estimate).toBe(new BinaryScores(...column(n as 0 | 1)).bestF1().f1)
            expect(f1.low).toBeLessThanOrEqual(f1.high)
          }
          if (Number.isNaN(values[n]!)) expect(precision.estimate).toBeNaN()
          else {
            expect(precision.estimate).toBe(averagePrecision(...column(n as 0 | 1)))
            expect(interval.low).toBeLessThanOrEqual(interval.high)
          }
        }
        const defined = values.filter((value) => !Number.isNaN(value))
        const mean = defined.reduce((sum, value) => sum + value, 0) / defined.length
        if (defined.length === 0) expect(result.macro.auroc.estimate).toBeNaN()
        else expect(result.macro.auroc.estimate).toBeCloseTo(mean, 12)
        expect(result.patients).toBe(new Set(cohort.patients).size)
      }),
    )
  })

  it('refuses tables that do not fit', () => {
    const cohort = { findings: ['a'], patients: ['1', '2'], scores: [0.5], labels: [1] }
    expect(() => evaluateCohort(cohort, { seed: 1 })).toThrow('do not fit 2 studies')
    expect(() => evaluateCohort({ ...cohort, patients: [] }, { seed: 1 })).toThrow('no studies')
  })
})

describe('mergeForRadChestCt', () => {
  it('takes the higher calcification and leaves mosaic attenuation out', () => {
    const predictions = {
      'Arterial wall calcification': 0.2,
      'Coronary artery wall calcification': 0.7,
      'Mosaic attenuation pattern': 0.9,
      Emphysema: 0.4,
    }
    expect(mergeForRadChestCt(predictions)).toEqual({ 'Arterial wall calcification': 0.7, Emphysema: 0.4 })
    expect(() => mergeForRadChestCt({ Emphysema: 1 })).toThrow('Coronary artery wall calcification')
  })

  it('leaves the findings that RAD-ChestCT has labels for', () => {
    const raw = [
      ...['catheter_or_port', 'tracheal_tube', 'chest_tube', 'breast_implant', 'pacemaker_or_defib', 'stent', 'clip'],
      ...['staple', 'gi_tube', 'hardware', 'suture', 'calcification', 'cardiomegaly', 'pericardial_effusion', 'hernia'],
      ...['lymphadenopathy', 'emphysema', 'atelectasis', 'nodule', 'nodulegr1cm', 'opacity', 'scarring'],
      ...['pleural_effusion', 'bronchial_wall_thickening', 'consolidation', 'bronchiectasis', 'septal_thickening'],
    ]
    const labels = radChestCtAsCtRate(Object.fromEntries(raw.map((name) => [name, 0])))
    expect(Object.keys(labels)).toHaveLength(16)
  })
})
