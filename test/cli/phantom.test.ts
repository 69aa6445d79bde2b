/** `voxgrad phantom` as a user runs it. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { openDataset, phantomCase, phantomSeeds, readImage } from '../../src/data/index.js'

const program = fileURLToPath(new URL('../../bin/voxgrad.js', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'voxgrad-phantom-'))
afterAll(() => rm(folder, { recursive: true }))

function phantom(...options: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [program, 'phantom', ...options], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}

test('writes a data set, and goes on with it', async () => {
  const options = ['--layout', 'fvlm', '--split', 'validation', '--out', 'made', '--seed', '7', '--shape', '16,12,16']
  const first = await phantom(...options, '--count', '1')
  expect(first).toMatchObject({ code: 0, stdout: 'made: 1 phantoms made, 0 were there (fvlm, validation)\n' })
  const second = await phantom(...options, '--count', '2')
  expect(second).toMatchObject({ code: 0, stdout: 'made: 1 phantoms made, 1 were there (fvlm, validation)\n' })
  const { studies } = await openDataset(join(folder, 'made'))
  const seeds = phantomSeeds('validation', 2, 7)
  expect(studies.map(({ labels }) => labels)).toEqual(seeds.map((seed) => phantomCase(seed).labels))
  expect((await readImage(studies[1]!.images[0]!.source)).shape).toEqual([16, 12, 16])
})

test('refuses what makes no sense', async () => {
  const wrong = await phantom('--layout', 'fvlm', '--out', 'wrong', '--shape', '16,12')
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain('Give 3 numbers separated by commas.')
  const split = await phantom('--layout', 'ct-rate', '--split', 'test', '--out', 'wrong')
  expect(split.code).toBe(1)
  expect(split.stderr).toContain('the layout ct-rate has no test split')
})
