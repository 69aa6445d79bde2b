/** `voxgrad tune` and what `voxgrad doctor` says of it: as a process of its own, and with a kernel that is wrong in this one. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { tuneCommand } from '../../src/cli/tune.js'
import { defineKernel } from '../../src/engine/index.js'
import { type ModelWorkloads, modelWorkloads } from '../../src/models/index.js'
import { tuningExportSchema } from '../../src/tuning/index.js'
import { doublingKernel, doublingWorkload } from '../support/tuning.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'voxgrad-tune-'))
const cache = join(folder, 'tuning.json')
afterAll(() => rmSync(folder, { recursive: true }))

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function voxgrad(...args: string[]): Promise<Result> {
  const env = { ...process.env, VOXGRAD_TUNER_CACHE: cache }
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'bin/voxgrad.js'), ...args], { cwd: folder, env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    )
  })
}

/** Little work with a choice. */
const rows = ['tune', '--op', '^max$', '--shapes', 'bench', '--kernel', '^reduce$']

describe('voxgrad tune', () => {
  it('tells what it would measure, measures it once, and is in force from then on', async () => {
    const plan = JSON.parse((await voxgrad(...rows, '--dry-run', '--json')).stdout)
    expect(plan.measure.length).toBeGreaterThan(1)
    expect(plan.measure[0]).toMatchObject({ kernel: 'reduce', candidates: ['row', 'column'] })
    expect(plan).toMatchObject({ cachePath: cache, known: [] })
    expect(existsSync(cache)).toBe(false)

    const exported = join(folder, 'export.json')
    const first = await voxgrad(...rows, '--json', '--export', exported)
    expect(first.code).toBe(0)
    const { results, faults } = JSON.parse(first.stdout)
    expect(faults).toEqual([])
    expect(results.map(({ bucket }: { bucket: string }) => bucket)).toEqual(
      plan.measure.map(({ bucket }: { bucket: string }) => bucket),
    )
    for (const { winner, preferred, candidates } of results) {
      expect(preferred[0]).toBe(winner)
      expect(candidates.map(({ status }: { status: string }) => status)).toEqual(candidates.map(() => 'measured'))
    }
    const { preferences } = tuningExportSchema.parse(JSON.parse(readFileSync(exported, 'utf8')))
    expect(Object.keys(preferences.reduce!)).toHaveLength(results.length)

    const again = await voxgrad(...rows)
    expect(again.code).toBe(0)
    expect(again.stdout).toContain(`0 kinds of problems measured; ${results.length} were known already`)
    const diagnosis = JSON.parse((await voxgrad('doctor', '--json')).stdout)
    expect(diagnosis.tuning).toMatchObject({ cachePath: cache, measured: results.length, shippedFor: 'software' })

    expect((await voxgrad('tune', '--clear')).stdout).toContain(cache)
    expect(JSON.parse((await voxgrad('doctor', '--json')).stdout).tuning.measured).toBe(0)
  })

  it('refuses expressions that are none', async () => {
    const { code, stderr } = await voxgrad('tune', '--kernel', '(')
    expect(code).toBe(2)
    expect(stderr).toContain('--kernel')
  })
})

describe('with a kernel that is wrong', () => {
  const models = modelWorkloads as ModelWorkloads[]
  const kernel = defineKernel(
    doublingKernel('test cli', [{ name: 'wrong', expression: '3.0 * x[i]' }, { name: 'sound' }, { name: 'portable' }]),
  )
  const output: string[] = []
  const errors: string[] = []

  afterEach(() => {
    vi.restoreAllMocks()
    vi.unstubAllEnvs()
    process.exitCode = undefined
    models.splice(models.findIndex(({ model }) => model === 'fake'))
  })

  it('exits 1, says so, and never prefers it', async () => {
    models.push({ model: 'fake', workloads: (dtype) => (dtype === 'f32' ? [doublingWorkload(kernel, 8)] : []) })
    vi.stubEnv('VOXGRAD_TUNER_CACHE', join(folder, 'wrong.json'))
    vi.spyOn(console, 'log').mockImplementation((line) => void output.push(line))
    vi.spyOn(console, 'error').mockImplementation((line) => void errors.push(line))
    vi.spyOn(process.stderr, 'write').mockImplementation(() => true)
    await tuneCommand().parseAsync(['--op', '^fake$'], { from: 'user' })
    expect(process.exitCode).toBe(1)
    expect(errors).toEqual([expect.stringMatching(/test cli\/wrong computes something else.*8 elements.*bug/)])
    expect(output.find((line) => line.startsWith('test cli'))).toMatch(/2, 1 wrong/)
    const stored = readFileSync(join(folder, 'wrong.json'), 'utf8')
    expect(stored).toContain('test cli')
    expect(stored).not.toContain('"wrong"')
  })
})
