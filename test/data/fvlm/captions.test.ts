import { describe, expect, it } from 'vitest'
import { composeCaption, composeCaptions, parseDecomposition } from '../../../src/data/index.js'

describe('captions', () => {
  it('are normal when the impression says nothing, whatever the findings say', () => {
    const { caption, abnormal, encoded } = composeCaption('lung', { findings: 'Bilateral effusions' })
    expect(caption).toBe('lung shows no significant abnormalities.Bilateral effusions.')
    expect(abnormal).toBe(false)
    expect(encoded).toBe('Bilateral effusions.')
  })

  it('put the impression first, without a space, and lose quotes and brackets', () => {
    const { caption, abnormal } = composeCaption('heart', { findings: `The heart's "large"`, impression: '(Big)' })
    expect(caption).toBe('Big.The hearts large.')
    expect(abnormal).toBe(true)
  })

  it('take an empty text for a mention', () => {
    expect(composeCaption('aorta', { impression: '' })).toEqual({ caption: '.', abnormal: true, encoded: '.' })
  })

  it('do not mistake names of objects for texts', () => {
    const captions = composeCaptions('constructor', ['toString'], { findings: {}, impression: { a: {} } })
    expect(captions.toString).toMatchObject({ caption: 'toString shows no significant abnormalities.' })
  })
})

describe('decomposition files', () => {
  it('are read as published', () => {
    const text = '{"train_1_a": {"Findings": "All.", "lung": "Clear."}}'
    expect(parseDecomposition(text)).toEqual({ train_1_a: { Findings: 'All.', lung: 'Clear.' } })
  })

  it('are refused when they hold anything but texts, with the place', () => {
    expect(() => parseDecomposition('{"train_1_a": {"lung": 3}}', 'desc_info.json')).toThrow(
      /desc_info.json: train_1_a \/ lung/,
    )
  })
})
