import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { countTests, summarize } from '../../scripts/ci-summary.mjs'

const report = (changes: object) =>
  JSON.stringify({
    success: true,
    numPassedTests: 3,
    numFailedTests: 0,
    numPendingTests: 0,
    numTodoTests: 0,
    testResults: [],
    ...changes,
  })

describe('countTests', () => {
  it('counts skipped and todo together', () => {
    const text = report({ numPendingTests: 2, numTodoTests: 1 })
    expect(countTests(text)).toEqual({ passed: 3, failed: 0, skipped: 3 })
  })

  it('counts a file that did not load, but not twice one whose tests failed', () => {
    const loaded = { status: 'failed', assertionResults: [{ status: 'passed' }, { status: 'failed' }] }
    const unloaded = { status: 'failed', assertionResults: [] }
    const text = report({ success: false, numFailedTests: 1, testResults: [loaded, unloaded] })
    expect(countTests(text)).toMatchObject({ passed: 3, failed: 2 })
  })

  it('counts an error outside of all tests', () => {
    expect(countTests(report({ success: false })).failed).toBe(1)
  })

  it.each([[null], [''], ['{"success":'], ['{}'], ['[]']])('a report that is %j is a failure', (text) => {
    expect(countTests(text)).toEqual({ passed: 0, failed: 1, skipped: 0 })
  })
})

describe('summarize', () => {
  it('adds up, and names skipped tests only if there are any', () => {
    const counts = { passed: 2, failed: 0, skipped: 0 }
    expect(summarize([counts, counts])).toEqual({ line: '4 passed, 0 failed', ok: true })
    expect(summarize([counts, { passed: 1, failed: 1, skipped: 4 }])).toEqual({
      line: '3 passed, 1 failed, 4 skipped',
      ok: false,
    })
  })

  it('a run without a test is no success', () => {
    expect(summarize([{ passed: 0, failed: 0, skipped: 5 }]).ok).toBe(false)
    expect(summarize([]).ok).toBe(false)
  })
})

it('the program prints one line and fails without reports', () => {
  const script = fileURLToPath(new URL('../../scripts/ci-summary.mjs', import.meta.url))
  const { stdout, status } = spawnSync(process.execPath, [script, '/nonexistent.json'], { encoding: 'utf8' })
  expect({ stdout, status }).toEqual({ stdout: '0 passed, 1 failed\n', status: 1 })
})
