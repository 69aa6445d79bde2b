/**
 * The time from a file to COLIPRI's input, by stage: `node scripts/run.mjs bench/data-stages.ts [SCAN] [--python PATH]`.
 *
 * Without SCAN a phantom of 512 x 512 x 300 int16 voxels of 0.7 x 0.7 x 1 mm is made and written to a temporary folder.
 * With --python the same steps run in that Python too, with nibabel and SciPy (bench/peers/data_stages.py), and the
 * results are compared. Medians of five rounds after one to warm up.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  cropOrPad,
  makeChestPhantom,
  preprocess,
  readAndPreprocess,
  readVolume,
  reorient,
  resampleToSpacing,
  writeVolume,
} from '../src/data/index.js'

const rounds = 5

type Stages = Record<'read' | 'resample' | 'intensity' | 'pad', number>

async function once(path: string): Promise<{ stages: Stages; result: Float32Array }> {
  const marks = [performance.now()]
  const mark = () => marks.push(performance.now())
  const scan = await readVolume(path)
  mark()
  const resampled = resampleToSpacing(reorient(scan, 'SAR'), [2, 2, 2])
  mark()
  const scaled = preprocess(resampled, [
    { kind: 'clamp', min: -1000, max: 1000 },
    { kind: 'scale', from: [-1000, 1000], to: [-1, 1] },
  ])
  mark()
  const { data } = cropOrPad(scaled, [192, 192, 192], -1)
  mark()
  const [read, resample, intensity, pad] = marks.slice(1).map((time, n) => time - marks[n]!) as [
    number,
    number,
    number,
    number,
  ]
  return { stages: { read, resample, intensity, pad }, result: data as Float32Array }
}

/** The whole way in one call, which resamples what is there while the rest is being unpacked. */
async function streamed(path: string): Promise<{ milliseconds: number; result: Float32Array }> {
  const start = performance.now()
  const { data } = await readAndPreprocess(path, [
    { kind: 'orient', codes: 'SAR' },
    { kind: 'resample', spacingMm: [2, 2, 2] },
    { kind: 'clamp', min: -1000, max: 1000 },
    { kind: 'scale', from: [-1000, 1000], to: [-1, 1] },
    { kind: 'cropOrPad', size: [192, 192, 192], value: -1 },
  ])
  return { milliseconds: performance.now() - start, result: data as Float32Array }
}

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!

const medians = (runs: readonly Stages[]): Stages =>
  Object.fromEntries(
    (['read', 'resample', 'intensity', 'pad'] as const).map((stage) => [stage, median(runs.map((run) => run[stage]))]),
  ) as Stages

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { python: { type: 'string' } } })
  const folder = mkdtempSync(join(tmpdir(), 'voxgrad-stages-'))
  try {
    let path = positionals[0]
    if (path === undefined) {
      path = join(folder, 'scan.nii.gz')
      const { volume } = makeChestPhantom({ seed: 1, shape: [512, 512, 300], spacingMm: [0.7, 0.7, 1] })
      await writeVolume(path, reorient(volume, 'LPS'))
    }
    const { result } = await once(path)
    const runs: Stages[] = []
    for (let round = 0; round < rounds; round++) runs.push((await once(path)).stages)
    const same = await streamed(path)
    if (same.result.some((value, n) => value !== result[n])) throw new Error('the streamed result is another one')
    const streams: number[] = []
    for (let round = 0; round < rounds; round++) streams.push((await streamed(path)).milliseconds)
    const columns: [string, Stages][] = [['voxgrad', medians(runs)]]
    if (values.python !== undefined) {
      const output = join(folder, 'python.bin')
      const script = fileURLToPath(new URL('peers/data_stages.py', import.meta.url))
      const text = execFileSync(values.python, [script, path, output, String(rounds)], { encoding: 'utf8' })
      columns.push(['nibabel + scipy', medians(JSON.parse(text) as Stages[])])
      const bytes = readFileSync(output)
      const expected = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
      const error = expected.reduce((most, value, n) => Math.max(most, Math.abs(value - result[n]!)), 0)
      console.log(`largest difference between the results: ${error.toExponential(2)}`)
    }
    const total = (stages: Stages) => Object.values(stages).reduce((sum, ms) => sum + ms, 0)
    for (const [name, stages] of columns) {
      const parts = Object.entries(stages).map(([stage, ms]) => `${stage} ${ms.toFixed(0)} ms`)
      console.log(`${name.padEnd(16)} ${parts.join(', ')}, total ${total(stages).toFixed(0)} ms`)
    }
    const whole = median(streams)
    console.log(`voxgrad in one call, resampling while unpacking: ${whole.toFixed(0)} ms`)
    if (columns.length > 1) {
      const python = total(columns[1]![1])
      const times = [total(columns[0]![1]), whole].map((ms) => (python / ms).toFixed(2))
      console.log(`${times[0]} times as fast by stages, ${times[1]} in one call`)
    }
    console.log(`peak memory of this process: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

await main()
