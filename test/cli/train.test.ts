/** `voxgrad train` as a process of its own: what it writes, Ctrl-C, and going on. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'voxgrad-train-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))

const recipe = fileURLToPath(new URL('../support/regression.ts', import.meta.url))
const config = join(folder, 'small.yaml')
writeFileSync(config, `recipe: ${recipe}\ntrain: {steps: 8, clip: 1}\noutput: {saveEvery: 2, keepLast: 10}\n`)

/** Runs to the end; `watch` may act on what the process prints. */
function voxgrad(args: readonly string[], watch: (text: string, child: ChildProcess) => void = () => {}) {
  const child = spawn(process.execPath, [join(root, 'bin/voxgrad.js'), ...args], { cwd: folder })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk) => {
    stderr += chunk
    watch(stderr, child)
  })
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

const linesOf = (out: string) =>
  readFileSync(join(folder, out, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { step: number; loss: number; split?: string })

describe('voxgrad train', () => {
  it('trains, is interrupted, and goes on to the losses of a run that was not', async () => {
    const whole = await voxgrad(['train', config, '--out', 'whole'])
    expect(whole.code).toBe(0)
    expect(whole.stdout).toMatch(
      /whole: 8 steps \(model\.safetensors\); best at step 8: .* samples\/s, peak .* MB\. .*Research use only/,
    )
    expect(whole.stderr).toMatch(/step 8\/8 {2}epoch 2 {2}loss .* samples\/s .* MB .* left/)
    const files = readdirSync(join(folder, 'whole')).map((name) => name.replace(/^(events\.out).*/, '$1'))
    expect(files.sort()).toEqual(
      [
        'best.safetensors',
        'checkpoints',
        'curves.html',
        'events.out',
        'metrics.jsonl',
        'model.safetensors',
        'run.json',
      ].sort(),
    )
    const record = JSON.parse(readFileSync(join(folder, 'whole', 'run.json'), 'utf8'))
    expect(record).toMatchObject({
      finished: true,
      step: 8,
      samplesPerSecond: expect.any(Number),
      peakBytes: expect.any(Number),
      configuration: { recipe: 'regression', train: { clip: 1 } },
    })

    let sent = false
    const cut = await voxgrad(['train', config, '--out', 'cut'], (text, child) => {
      if (sent || !text.includes('step 3/8')) return
      sent = true
      child.kill('SIGINT')
    })
    expect(cut.code).toBe(130)
    expect(cut.stdout).toMatch(/cut: stopped at step \d; --resume goes on/)
    const rest = await voxgrad(['train', config, '--out', 'cut', '--resume'])
    expect(rest.code).toBe(0)
    expect(rest.stderr).toContain('goes on behind step')
    expect(linesOf('cut').map(({ step, loss }) => [step, loss])).toEqual(
      linesOf('whole').map(({ step, loss }) => [step, loss]),
    )
  })

  it('says what is wrong in one line', async () => {
    const { code, stderr } = await voxgrad(['train', config, '--set', 'train.btachSize=2'])
    expect(code).toBe(1)
    expect(stderr.trim()).toMatch(
      /^voxgrad: .*small\.yaml: train\.btachSize is unknown: did you mean train\.batchSize\?$/,
    )
    expect(existsSync(join(folder, 'runs'))).toBe(false)
    const misnamed = await voxgrad(['train', 'smoek'])
    expect(misnamed.stderr.trim()).toMatch(/^voxgrad: smoek: there is no such configuration\. Did you mean smoke/)
  })
})
