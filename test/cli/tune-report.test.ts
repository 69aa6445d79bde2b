import { describe, expect, it } from 'vitest'
import { Progress } from '../../src/cli/progress.js'
import { planLines, resultLine, summaryLines } from '../../src/cli/tune-report.js'
import type { TuningResult } from '../../src/engine/index.js'

const result: TuningResult = {
  kernel: 'matmul',
  bucket: 'large',
  workload: 'matmul/square, f32',
  cost: { flops: 2e9, bytes: 1e6 },
  untuned: 'first',
  winner: 'fast',
  preferred: ['fast', 'first'],
  speedup: 2.5,
  candidates: [
    { variant: 'first', status: 'measured', medianMs: 5, samples: 3 },
    { variant: 'fast', status: 'measured', medianMs: 2, samples: 9 },
    { variant: 'bad', status: 'wrong', samples: 0, reason: 'output 0 differs' },
  ],
}
const fault = { kind: 'wrong', kernel: 'matmul', variant: 'bad', bucket: 'large', workload: '', reason: '' } as const
const plan = { problems: [], known: [], tooLarge: [], failures: [] }
const words = (line: string) => line.split(/ {2,}|(?<=\d{3} \w+) /).map((word) => word.trim())

describe('the table of voxgrad tune', () => {
  it('tells winner, time, gain and rate', () => {
    expect(words(resultLine(result))).toEqual([
      'matmul',
      'large',
      '2, 1 wrong',
      'fast',
      '2.00 ms',
      '2.50 x',
      '1000 GFLOP/s',
    ])
    const bytes = resultLine({ ...result, cost: { flops: 0, bytes: 1e6 }, winner: 'first' })
    expect(bytes).toMatch(/5\.00 ms +as it was +0\.200 GB\/s$/)
  })

  it('tells why nothing was measured', () => {
    const { winner, speedup, ...rest } = result
    expect(resultLine({ ...rest, preferred: [], reason: 'no memory' })).toMatch(/not measured: no memory$/)
  })

  it('adds up', () => {
    const report = { results: [result, { ...result, winner: 'first' }], plan, faults: [fault], stored: false }
    expect(summaryLines(report, '/cache')).toEqual([
      '2 kinds of problems measured, 1 of them now faster (2.50 x on average); 0 were known already',
      '1 variants are wrong or failed: they are not used, and are bugs',
      'nothing could be kept',
    ])
  })

  it('tells what would be measured', () => {
    const failures = [{ workload: 'a model', reason: 'no f16' }]
    expect(planLines({ ...plan, failures }).slice(1)).toEqual([
      'a model cannot run here: no f16',
      '0 kinds of problems to measure, 0 known, 0 too large for a software adapter',
    ])
  })
})

describe('progress', () => {
  function stream(isTTY: boolean) {
    const written: string[] = []
    const target = { isTTY, columns: 10, write: (text: string) => written.push(text) }
    return { progress: new Progress(target as unknown as NodeJS.WriteStream), written }
  }

  it('overwrites its line on a terminal, which it never exceeds', () => {
    const { progress, written } = stream(true)
    progress.show('a long line of text')
    progress.show('b')
    progress.clear()
    progress.clear()
    expect(written).toEqual(['a long li', '\r\x1b[K', 'b', '\r\x1b[K'])
  })

  it('writes plain lines elsewhere', () => {
    const { progress, written } = stream(false)
    progress.show('a long line of text')
    progress.clear()
    expect(written).toEqual(['a long line of text\n'])
  })
})
