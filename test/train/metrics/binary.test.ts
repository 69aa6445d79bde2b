import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ValueError } from '../../../src/engine/errors.js'
import {
  auroc,
  averagePrecision,
  BinaryScores,
  bootstrap,
  decisionScores,
  evaluateFindings,
  quantile,
} from '../../../src/train/metrics/index.js'

/** Items with few distinct scores, so that ties are common, and small whole weights. */
const items = fc
  .array(
    fc.record({ score: fc.integer({ min: 0, max: 5 }), label: fc.boolean(), weight: fc.integer({ min: 0, max: 3 }) }),
    {
      minLength: 1,
      maxLength: 30,
    },
  )
  .map((list) => ({
    scores: list.map(({ score }) => score / 5),
    labels: list.map(({ label }) => label),
    weights: list.map(({ weight }) => weight),
  }))

describe('areas', () => {
  test('AUROC is the chance that a positive scores above a negative', () => {
    fc.assert(
      fc.property(items, ({ scores, labels }) => {
        let [won, pairs] = [0, 0]
        for (let i = 0; i < scores.length; i++) {
          for (let j = 0; j < scores.length; j++) {
            if (!labels[i] || labels[j]) continue
            pairs++
            won += scores[i]! > scores[j]! ? 1 : scores[i] === scores[j] ? 0.5 : 0
          }
        }
        if (pairs === 0) expect(auroc(scores, labels)).toBeNaN()
        else expect(auroc(scores, labels)).toBeCloseTo(won / pairs, 12)
      }),
    )
  })

  test('a weight is a number of copies', () => {
    fc.assert(
      fc.property(items, ({ scores, labels, weights }) => {
        fc.pre(weights.some((weight) => weight > 0))
        const copies = <Value>(values: readonly Value[]) =>
          values.flatMap((value, n) => new Array<Value>(weights[n]!).fill(value))
        const weighted = new BinaryScores(scores, labels)
        const copied = new BinaryScores(copies(scores), copies(labels))
        for (const measure of [
          (own: BinaryScores, w?: number[]) => own.auroc(w),
          (own: BinaryScores, w?: number[]) => own.averagePrecision(w),
          (own: BinaryScores, w?: number[]) => own.bestF1(w).threshold,
          (own: BinaryScores, w?: number[]) => own.closestToCorner(undefined, w).threshold,
          (own: BinaryScores, w?: number[]) => own.youden(w).threshold,
        ]) {
          const [got, want] = [measure(weighted, weights), measure(copied)]
          if (Number.isNaN(want)) expect(got).toBeNaN()
          else expect(got).toBeCloseTo(want, 12)
        }
      }),
    )
  })

  // From scikit-learn 1.9.
  test.each([
    [[0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1], 0.75, 0.8333333333333333],
    [[1, 1, 0, 0], [0, 1, 0, 1], 0.5, 0.5],
    [[0.2, 0.7], [1, 1], Number.NaN, 1],
    [[0.2, 0.7], [0, 0], Number.NaN, 0],
  ])('%j of %j', (scores, labels, area, precision) => {
    expect(auroc(scores, labels)).toBe(area)
    expect(averagePrecision(scores, labels)).toBeCloseTo(precision, 15)
  })
})

describe('thresholds', () => {
  test('decisions add up and follow the threshold', () => {
    fc.assert(
      fc.property(items, fc.integer({ min: -1, max: 6 }), fc.boolean(), ({ scores, labels }, at, strict) => {
        const { truePositives, falsePositives, trueNegatives, falseNegatives } = new BinaryScores(
          scores,
          labels,
        ).confusion(at / 5, { strict })
        expect(truePositives + falsePositives + trueNegatives + falseNegatives).toBe(scores.length)
        expect(truePositives + falsePositives).toBe(scores.filter((s) => (strict ? s > at / 5 : s >= at / 5)).length)
        expect(truePositives + falseNegatives).toBe(labels.filter(Boolean).length)
      }),
    )
  })

  test('best F1: no observed threshold is better, and of equal ones it is the smallest', () => {
    fc.assert(
      fc.property(items, ({ scores, labels }) => {
        const own = new BinaryScores(scores, labels)
        const best = own.bestF1()
        const all = scores.map((threshold) => ({ threshold, f1: decisionScores(own.confusion(threshold)).f1 }))
        expect(best.f1).toBe(Math.max(...all.map(({ f1 }) => f1)))
        expect(best.threshold).toBe(
          Math.min(...all.filter(({ f1 }) => f1 === best.f1).map(({ threshold }) => threshold)),
        )
        expect(best.confusion).toEqual(own.confusion(best.threshold))
      }),
    )
  })

  test('closest to the corner: the larger of equal candidates, strictly above', () => {
    const own = new BinaryScores([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])
    const { threshold, confusion } = own.closestToCorner()
    // 79/99 = 0.797... is the largest candidate below 0.8.
    expect(threshold).toBeCloseTo(79 / 99, 15)
    expect(confusion).toEqual({ truePositives: 2, falsePositives: 0, trueNegatives: 2, falseNegatives: 0 })
    expect(new BinaryScores([0, 0, 0], [0, 1, 0]).closestToCorner().threshold).toBe(1)
    expect(own.closestToCorner([0.5, 0.2]).threshold).toBe(0.5)
  })

  test('Youden: sensitivity plus specificity', () => {
    expect(new BinaryScores([0.1, 0.6, 0.5, 0.9], [0, 0, 1, 1]).youden().threshold).toBe(0.5)
  })

  test('ratios without cases', () => {
    const none = decisionScores({ truePositives: 0, falsePositives: 0, trueNegatives: 3, falseNegatives: 0 })
    expect(none).toMatchObject({ accuracy: 1, precision: 0, specificity: 1, balancedAccuracy: 1, f1: 0, weightedF1: 1 })
    expect(none.sensitivity).toBeNaN()
  })
})

test.each<[() => unknown, RegExp]>([
  [() => auroc([], []), /no scores/],
  [() => auroc([1, 2], [1]), /2 scores but 1 labels/],
  [() => auroc([1, Number.NaN], [1, 0]), /score of item 1 is NaN/],
  [() => auroc([1, 2], [1, 2]), /label of item 1 is 2/],
  [() => new BinaryScores([1], [1]).auroc([1, 2]), /1 items but 2 weights/],
  [() => new BinaryScores([1], [1]).auroc([-1]), /weight of item 0 is -1/],
  [() => new BinaryScores([1], [1]).auroc([0]), /add up to 0/],
  [() => new BinaryScores([1], [1]).closestToCorner([]), /no candidates/],
  [() => bootstrap(() => 1, { patients: [], seed: 1 }), /no items/],
  [() => bootstrap(() => 1, { patients: ['a'], seed: 1, replicates: 0 }), /replicates/],
  [() => bootstrap(() => 1, { patients: ['a'], seed: 1, confidence: 1 }), /confidence/],
  [
    () => evaluateFindings({ findings: ['a', 'b'], scores: [1], labels: [1] }, { threshold: 0 }),
    /2 findings do not fit/,
  ],
  [
    () => evaluateFindings({ findings: ['a'], scores: [Number.NaN], labels: [1] }, { threshold: 0, missing: 'skip' }),
    /'a' has no score/,
  ],
])('%o is refused', (run, message) => {
  expect(run).toThrow(ValueError)
  expect(run).toThrow(message)
})

describe('bootstrap', () => {
  const patients = ['a', 'a', 'b', 'c', 'c', 'c']

  test('draws patients with all their items, as many as there are', () => {
    bootstrap(
      (weights) => {
        expect([weights[1], weights[4], weights[5]]).toEqual([weights[0], weights[3], weights[3]])
        expect(weights[0]! + weights[2]! + weights[3]!).toBe(3)
        return 0
      },
      { patients, seed: 3, replicates: 50 },
    )
  })

  test('the same seed gives the same interval, another seed another', () => {
    const values = [0.3, 0.1, 0.8, 0.5, 0.9, 0.2]
    const total = (weights: Float64Array) => weights.reduce((sum, weight, n) => sum + weight * values[n]!, 0)
    const run = (seed: number) => bootstrap(total, { patients, seed, replicates: 200 })
    expect(run(1)).toEqual(run(1))
    expect(run(1)).not.toEqual(run(2))
    expect(run(1).estimate).toBeCloseTo(2.8, 12)
    expect(run(1).low).toBeLessThan(run(1).high)
  })

  test('covers the mean of normal numbers as often as it says', () => {
    // 300 intervals of 80 %: between 70 % and 90 % of them is more than four standard errors of room.
    let covered = 0
    for (let trial = 0; trial < 300; trial++) {
      const sample = Array.from({ length: 40 }, (_, n) => Math.sin(12.9898 * (trial * 40 + n)) * 43758.5453).map(
        (x) => x - Math.floor(x),
      )
      const mean = (weights: Float64Array) => weights.reduce((sum, weight, n) => sum + weight * sample[n]!, 0) / 40
      const { low, high } = bootstrap(mean, { patients: sample, seed: trial, replicates: 100, confidence: 0.8 })
      if (low <= 0.5 && high >= 0.5) covered++
    }
    expect(covered / 300).toBeGreaterThan(0.7)
    expect(covered / 300).toBeLessThan(0.9)
  })

  test('draws without a value are left out and counted', () => {
    const scores = new BinaryScores([0.1, 0.9, 0.4], [0, 1, 0])
    const { defined } = bootstrap((weights) => scores.auroc(weights), { patients: [1, 2, 3], seed: 1, replicates: 100 })
    expect(defined).toBeGreaterThan(30)
    expect(defined).toBeLessThan(100)
    expect(bootstrap(() => Number.NaN, { patients: [1], seed: 1 })).toMatchObject({ low: Number.NaN, defined: 0 })
  })

  test('quantiles by linear interpolation', () => {
    expect([0, 0.25, 0.5, 0.95, 1].map((q) => quantile([1, 2, 4, 8], q))).toEqual(
      [1, 1.75, 3, 7.4, 8].map((v) => expect.closeTo(v, 12)),
    )
    expect(quantile([], 0.5)).toBeNaN()
  })
})

describe('findings', () => {
  const table = {
    findings: ['nodule', 'effusion'],
    scores: [0.9, 0.2, 0.1, Number.NaN, 0.6, 0.7],
    labels: [1, 0, 0, 1, 1, 1],
  }

  test('each finding on its own, missing scores as 0, macro means', () => {
    const { findings, macro } = evaluateFindings(table, { threshold: 'best-f1' })
    expect(findings.nodule).toMatchObject({ auroc: 1, threshold: 0.6, positives: 2, items: 3, f1: 1 })
    expect(findings.effusion).toMatchObject({ auroc: 0.5, items: 3, positives: 2 })
    expect(macro.auroc).toBe(0.75)
  })

  test('missing scores left out; undefined measures are not averaged', () => {
    const { findings, macro } = evaluateFindings(
      { ...table, labels: [1, 1, 0, 0, 1, 1] },
      { threshold: 0.5, missing: 'skip' },
    )
    expect(findings.effusion!.items).toBe(2)
    expect(findings.effusion!.auroc).toBeNaN()
    expect(macro.auroc).toBe(1)
    expect(findings.nodule!.accuracy).toBe(1)
  })
})
