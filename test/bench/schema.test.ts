import { describe, expect, it } from 'vitest'
import { resultFileName } from '../../bench/results.js'
import { parseRun, rowKey, toLine } from '../../bench/schema.js'
import { header, row } from './samples.js'

const text = (...lines: Parameters<typeof toLine>[0][]) => `${lines.map(toLine).join('\n')}\n`

describe('stored runs', () => {
  it('come back as they were written', () => {
    const rows = [
      row({ peers: [{ name: 'other', version: '1', medianMs: 2, oursMs: 1, ratio: 2, note: '' }] }),
      row({ status: 'wrong', correct: false, maxRelError: Number.POSITIVE_INFINITY, medianMs: null }),
    ]
    expect(parseRun(text(header(), ...rows), 'a file')).toEqual({ header: header(), rows })
  })

  it('are refused with the line that does not fit', () => {
    expect(() => parseRun('', 'runs.jsonl')).toThrow(/runs\.jsonl: is empty/)
    expect(() => parseRun(`${toLine(header())}\nnot json`, 'runs.jsonl')).toThrow(/runs\.jsonl:2: is not JSON/)
    expect(() => parseRun(text(header(), { ...row(), dtype: 3 as never }), 'runs.jsonl')).toThrow(
      /runs\.jsonl:2:.*dtype/s,
    )
    expect(() => parseRun(text({ ...header(), schema: 2 as never }), 'runs.jsonl')).toThrow(/runs\.jsonl:1:.*schema/s)
  })

  it('know rows again whatever variant was picked', () => {
    expect(rowKey(row())).toBe(rowKey(row({ variant: 'matmul/faster' })))
    expect(rowKey(row({ picked: false }))).not.toBe(rowKey(row({ picked: false, variant: 'matmul/faster' })))
  })

  it('are named by device, profile, day and commit', () => {
    expect(resultFileName(header())).toBe('acme-one-gpu-1_fast_2026-10-05_0123456789.jsonl')
    expect(resultFileName(header({ quick: true, software: true }))).toBe(
      'acme-one-gpu-1-a-cpu-2-threads_fast_2026-10-05_0123456789_quick.jsonl',
    )
  })
})
