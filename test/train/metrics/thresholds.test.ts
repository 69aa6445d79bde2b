import { describe, expect, it } from 'vitest'
import { evaluateFindings, thresholdsOf } from '../../../src/train/index.js'

const validation = {
  findings: ['x', 'y'],
  scores: [0.1, 0.2, 0.3, 0.4, 0.7, 0.6, 0.9, 0.8],
  labels: [0, 0, 0, 0, 1, 1, 1, 1],
}
const test = { findings: ['x', 'y'], scores: [0.65, 0.1, 0.95, 0.9], labels: [0, 0, 1, 1] }

describe('thresholds from other data', () => {
  const chosen = thresholdsOf(evaluateFindings(validation, { threshold: 'closest-to-corner' }))

  it('decide on the test data, and the test data do not', () => {
    const { findings } = evaluateFindings(test, { threshold: chosen })
    expect(findings.x!.threshold).toBe(chosen.x)
    expect(chosen.x).toBeGreaterThanOrEqual(0.3)
    expect(chosen.x).toBeLessThan(0.7)
    // The rule on the test data would have separated both findings.
    expect(evaluateFindings(test, { threshold: 'closest-to-corner' }).macro.accuracy).toBe(1)
    expect(findings.x!.accuracy).toBe(chosen.x! >= 0.65 ? 1 : 0.5)
  })

  it('must be there for every finding', () => {
    expect(() => evaluateFindings(test, { threshold: { x: 0.5 } })).toThrow(/'y'/)
  })
})
