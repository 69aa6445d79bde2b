import { describe, expect, it } from 'vitest'
import { csvCell, toCsv } from '../../bench/report/csv.js'
import { duration, figure } from '../../bench/report/format.js'
import { toHtml } from '../../bench/report/html.js'
import { beginMark, endMark, newestRuns, performanceTables, replaceBlock } from '../../bench/report/markdown.js'
import { peerMeans, rowLine, summaryLines } from '../../bench/report/table.js'
import type { Row } from '../../bench/schema.js'
import { row, run, scaled } from './samples.js'

const peer = (ratio: number | null): Row['peers'][number] => ({
  name: 'other',
  version: '2.0',
  medianMs: ratio,
  oursMs: 1,
  ratio,
  note: ratio === null ? 'cannot "do" <this>' : '',
})

const rows = [
  row({ peers: [peer(2)] }),
  row({ name: 'matmul/large', dtype: 'f16', peers: [peer(8)] }),
  row({ name: 'conv3d/one', peers: [peer(null)], cv: 0.2, note: 'noisy: CV 20 %' }),
  row({ name: 'gelu/bad', status: 'wrong', correct: false, maxRelError: 0.5, medianMs: null, note: 'a <b> & "c"' }),
  row({ name: 'pad/big', status: 'skipped', correct: null, medianMs: null, note: 'too large' }),
]

describe('CSV', () => {
  it('quotes separators, quotes and line breaks', () => {
    expect(csvCell('plain')).toBe('plain')
    expect(csvCell('a,b')).toBe('"a,b"')
    expect(csvCell('say "a"')).toBe('"say ""a"""')
    expect(csvCell('two\nlines')).toBe('"two\nlines"')
  })

  it('has a line per row and as many cells as the head', () => {
    const lines = toCsv([row({ note: 'no comma', case: 'square' })])
      .trimEnd()
      .split('\r\n')
    expect(lines).toHaveLength(2)
    expect(lines[1]!.split(',')).toHaveLength(lines[0]!.split(',').length)
    expect(lines[1]).toContain('4x4 4x4')
  })
})

describe('the terminal table', () => {
  it('prints figures with three digits and durations in their unit', () => {
    expect([0.001234, 12.34, 1234, 0, null].map(figure)).toEqual(['0.00123', '12.3', '1234', '0', '-'])
    expect([1e-5, 0.5, 20, 5000, null].map(duration)).toEqual(['10.0 ns', '500 µs', '20.0 ms', '5.00 s', '-'])
  })

  it('tells what went wrong, and what is noisy', () => {
    expect(rowLine(rows[3]!)).toMatch(/WRONG \(error 0\.5\)/)
    expect(rowLine(rows[2]!)).toMatch(/noisy/)
    expect(rowLine(rows[4]!)).toMatch(/SKIPPED .*too large/)
  })

  it('averages peers over the cases that they could run', () => {
    expect(peerMeans(rows)).toEqual([{ name: 'other', version: '2.0', mean: expect.closeTo(4), cases: 2 }])
    expect(summaryLines(rows)[0]).toMatch(/^5 rows: 3 ok, 1 wrong, 0 failed, 0 unsupported, 1 skipped; 1 noisy/)
  })
})

describe('the HTML report', () => {
  const html = toHtml(run(rows), [run([scaled(rows[0]!, 2)], { date: '2026-09-01T00:00:00Z', commit: 'abcdefabcdef' })])

  it('loads nothing', () => {
    expect(html).not.toMatch(/<script|<link|<img|<iframe|@import|url\(|\bsrc=|https?:/i)
  })

  it('escapes what it is given', () => {
    expect(html).toContain('GPU &lt;1&gt;')
    expect(html).toContain('a &lt;b&gt; &amp; &quot;c&quot;')
  })

  it('draws numbers only', () => {
    expect(html).not.toMatch(/NaN|Infinity|undefined/)
    expect(html.match(/<svg/g)).toHaveLength(2)
  })

  it('shows earlier runs', () => {
    expect(html).toContain('2026-09-01')
    expect(html).toContain('2.00 ms')
  })

  it('also stands with nothing in it', () => {
    const empty = toHtml(run([], { probes: [] }), [])
    expect(empty).not.toMatch(/NaN|Infinity|undefined/)
  })
})

describe('the README tables', () => {
  it('replace the marked block and nothing else', () => {
    const text = `before\n${beginMark}\nold\n${endMark}\nafter\n`
    const once = replaceBlock(text, 'new')
    expect(once).toBe(`before\n${beginMark}\n\nnew\n\n${endMark}\nafter\n`)
    expect(replaceBlock(once, 'new')).toBe(once)
    expect(() => replaceBlock('no marks', 'new')).toThrow(/no block/)
  })

  it('take the newest full run of each device', () => {
    const older = run(rows, { date: '2026-01-01' })
    const newer = run(rows, { date: '2026-02-01' })
    const quick = run(rows, { date: '2026-03-01', quick: true })
    const other = run(rows, { date: '2025-01-01', profile: 'safe', quick: true })
    expect(newestRuns([newer, quick, older, other])).toEqual([other, newer])
  })

  it('show models from whichever run has them, which drives no kernel out', () => {
    const model = row({ name: 'colipri/embed', direction: 'model', note: '0.5 volumes/s' })
    const kernels = run([...rows, { ...model, medianMs: 9 }], { date: '2026-01-01T00' })
    const alone = run([model], { date: '2026-02-01T00', commit: 'fedcba9876543210' })
    const quick = run([{ ...model, medianMs: 7 }], { date: '2026-03-01T00', quick: true })
    expect(newestRuns([kernels, alone, quick])).toEqual([kernels])
    const tables = performanceTables([kernels, alone, quick])
    expect(tables).toContain('| matmul/square | f32 | 1.00 ms | 1000 | 100 % |')
    expect(tables).toContain('| colipri/embed | f32 | 1.00 ms | 1000 | 2026-02-01, fedcba9876 | 0.5 volumes/s |')
    expect(tables.match(/colipri\/embed/g)).toHaveLength(1)
  })

  it('hold the probes, rows that were timed, and peers', () => {
    const tables = performanceTables([run(rows)])
    expect(tables).toContain('| f32 multiply-add | 1000 GFLOP/s |')
    expect(tables).toContain('| matmul/square | f32 | 1.00 ms | 1000 | 100 % |')
    expect(tables).toContain('| other 2.0 | 4.00 | 2 |')
    expect(tables).not.toContain('gelu/bad')
    expect(performanceTables([])).toMatch(/No run is stored/)
  })
})
