import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { runNifti } from '../golden/families/nifti.js'
import { runPreprocess } from '../golden/families/preprocess.js'
import type { GoldenRow } from '../golden/types.js'

const dir = new URL('../golden/cases/', import.meta.url).pathname
const rows = (JSON.parse(readFileSync(`${dir}manifest.json`, 'utf8')) as { cases: GoldenRow[] }).cases

describe.each([
  ['nifti', runNifti],
  ['preprocess', runPreprocess],
])('golden family %s', (family, run) => {
  test.each(rows.filter((row) => row.family === family))('$id', async (row) => {
    const checks = await run(row, dir)
    expect(checks.length).toBeGreaterThan(0)
    expect(checks.filter((check) => !check.ok)).toEqual([])
  })
})
