/** The reference cases kept in the repository. Others: `npm run golden -- DIR`. */
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { testDevice } from '../support/device.js'
import { findCases, runCase } from './runner.js'

const cases = findCases([fileURLToPath(new URL('./cases', import.meta.url))])
const device = await testDevice()

for (const family of new Set(cases.map(({ row }) => row.family))) {
  describe(`golden ${family}`, () => {
    for (const golden of cases.filter(({ row }) => row.family === family)) {
      it(golden.row.id, async () => {
        const { verdict, checks } = await runCase(golden, device)
        expect({ verdict, failures: checks.filter(({ ok }) => !ok) }).toEqual({ verdict: 'passed', failures: [] })
      })
    }
  })
}
