/** Processes under mpirun, where Open MPI and koffi are installed. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { loadMpi } from '../../../src/train/parallel/mpi-library.js'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'voxgrad-mpi-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function whyNot(): Promise<string | undefined> {
  try {
    execFileSync('mpirun', ['--version'], { stdio: 'ignore' })
    await loadMpi()
    return undefined
  } catch (error) {
    return String(error instanceof Error ? error.message : error)
  }
}

const reason = await whyNot()
const suffix = reason ? ` (skipped: ${reason})` : ''

/** Two processes, and what they and mpirun print. */
function mpirun(script: string, args: readonly string[], options: readonly string[] = []) {
  const launch = ['--allow-run-as-root', '--oversubscribe', ...options, '-np', '2']
  const command = [process.execPath, here('../../../scripts/run.mjs'), here(script), ...args]
  return new Promise<{ code: unknown; output: string }>((resolve) => {
    execFile('mpirun', [...launch, ...command], { timeout: 100_000 }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, output: stdout + stderr }),
    )
  })
}

const linesOf = (out: string) =>
  readFileSync(join(folder, out, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly loss?: number })
    .flatMap(({ loss }) => (loss === undefined ? [] : [loss]))

describe('Open MPI', () => {
  it('says what to set when its library is not there', async () => {
    const before = process.env.VOXGRAD_MPI
    process.env.VOXGRAD_MPI = join(folder, 'libmpi-not-here.so')
    try {
      await expect(loadMpi()).rejects.toThrow(/libmpi-not-here.*openmpi-bin.*VOXGRAD_MPI|npm install koffi/)
    } finally {
      if (before === undefined) delete process.env.VOXGRAD_MPI
      else process.env.VOXGRAD_MPI = before
    }
  })

  it.skipIf(reason)(`adds up, gathers and broadcasts over two processes${suffix}`, async () => {
    const { code, output } = await mpirun('./mpi-child.ts', ['exchange'])
    for (const rank of [0, 1]) expect(output).toContain(`rank ${rank} of 2: 3,20,0,5,1,5,8`)
    expect(code).toBe(0)
  })

  it.skipIf(reason)(`tells that a peer was killed${suffix}`, async () => {
    const { output } = await mpirun('./mpi-child.ts', ['killed'], ['--enable-recovery'])
    expect(output).toMatch(/PeerLostError: barrier: rank 1 is not here after 1\.5 s \(seen from rank 0\)/)
  })

  it.skipIf(reason)(`ends with all others when a rank fails${suffix}`, async () => {
    const { code, output } = await mpirun('./mpi-child.ts', ['failed'])
    expect(code, output).toBe(1)
    expect(output).not.toContain('PeerLostError')
  })

  it.skipIf(reason)(`tells which rank of voxgrad train failed, and why${suffix}`, async () => {
    const config = join(folder, 'bad.yaml')
    const recipe = here('../../support/regression.ts')
    writeFileSync(config, `recipe: ${recipe}\ndata: {bad: 3}\ntrain: {steps: 4, batchSize: 6, clip: 1}\n`)
    const { code, output } = await mpirun('../../../src/cli/main.ts', ['train', config, '--out', join(folder, 'bad')])
    expect(code, output).toBe(1)
    expect(output).toMatch(/rank [01]: step \d: the loss is Infinity/)
  })

  it.skipIf(reason)(`trains as one process does with twice the batch${suffix}`, async () => {
    const config = join(folder, 'towers.yaml')
    const text = (batchSize: number) =>
      `recipe: ${here('../../support/two-towers.ts')}\ntrain: {steps: 3, batchSize: ${batchSize}}\noutput: {logEvery: 1}\n`
    writeFileSync(config, text(4))
    const two = await mpirun('../../../src/cli/main.ts', ['train', config, '--out', join(folder, 'two')])
    expect(two.code, two.output).toBe(0)
    writeFileSync(config, text(8))
    execFileSync(process.execPath, [
      here('../../../scripts/run.mjs'),
      here('../../../src/cli/main.ts'),
      ...['train', config, '--out', join(folder, 'one')],
    ])
    const [losses, expected] = [linesOf('two'), linesOf('one')]
    expect(losses).toHaveLength(3)
    for (const [n, loss] of expected.entries()) expect(Math.abs(losses[n]! - loss)).toBeLessThan(1e-5)
    expect(readdirSync(join(folder, 'two'))).toContain('model.safetensors')
  })
}, 120_000)
