/** Engine, kernels and models in a browser: needs Chromium or Chrome on this machine. */
import { describe, expect, it } from 'vitest'
import { largestError } from '../support/arrays.js'
import { testDevice } from '../support/device.js'
import { embedTiny } from './embed-tiny.js'
import { findBrowser, runPage } from './run-page.js'

const browser = findBrowser()
// Every case takes minutes on a browser's software adapter; the first of every operation, half a minute.
const every = Boolean(process.env.VOXGRAD_SLOW_TESTS)
const timeoutMs = every ? 900_000 : 180_000

describe.skipIf(!browser)('in a browser (Chromium or Chrome, where there is one)', () => {
  it('operations pass their own cases, and COLIPRI embeds as it does here', { timeout: timeoutMs }, async () => {
    const report = await runPage(browser!, { every, timeoutMs })
    expect(report.broken).toBeUndefined()
    expect(report.failures).toEqual([])
    expect(report.passed).toBeGreaterThan(100)
    const here = await embedTiny(await testDevice())
    expect(largestError(report.embedding, here)).toBeLessThan(1e-5)
  })
})
