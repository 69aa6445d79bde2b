import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Device } from '../../src/engine/index.js'
import { colipriOps, runColipri } from './families/colipri/index.js'
import { fvlmOps, runFvlm } from './families/fvlm/index.js'
import { metricOps, runMetrics } from './families/metrics.js'
import { runNifti } from './families/nifti.js'
import { opNames, runOp } from './families/ops/index.js'
import { runPreprocess } from './families/preprocess.js'
import { runTokenizer } from './families/tokenizer.js'
import { runTorchCheckpoints, torchOps } from './families/torch-checkpoints.js'
import { runVelvet, velvetOps } from './families/velvet/index.js'
import type { CheckResult, GoldenRow } from './types.js'

/** How one family is checked. */
interface Family {
  /** Its operations; others are reported as unknown. */
  readonly ops: ReadonlySet<string>
  run(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]>
}

const families: Readonly<Record<string, Family>> = {
  ops: { ops: opNames, run: runOp },
  colipri: { ops: colipriOps, run: runColipri },
  fvlm: { ops: fvlmOps, run: runFvlm },
  nifti: { ops: new Set(['nifti', 'nifti_error', 'nifti_either']), run: runNifti },
  preprocess: { ops: new Set(['preprocess', 'pipeline', 'crop_or_pad', 'resample_geometry']), run: runPreprocess },
  'torch-checkpoints': { ops: torchOps, run: runTorchCheckpoints },
  metrics: { ops: metricOps, run: runMetrics },
  tokenizer: { ops: new Set(['wordpiece']), run: runTokenizer },
  velvet: { ops: velvetOps, run: runVelvet },
}

/** A manifest row and the folder that its files are relative to. */
export interface GoldenCase {
  readonly row: GoldenRow
  readonly dir: string
}

export interface Selection {
  readonly families?: readonly string[] | undefined
  /** Searched for in `op`. */
  readonly op?: RegExp | undefined
}

/** Every selected row of every `manifest.json` below the folders. */
export function findCases(dirs: readonly string[], { families, op }: Selection = {}): GoldenCase[] {
  return dirs
    .flatMap(manifestDirs)
    .flatMap((dir) => readManifest(dir).map((row) => ({ row, dir })))
    .filter(({ row }) => (!families || families.includes(row.family)) && (!op || op.test(row.op)))
}

function manifestDirs(dir: string): string[] {
  const entries = readdirSync(dir, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  const here = entries.some((entry) => entry.name === 'manifest.json') ? [dir] : []
  return [
    ...here,
    ...entries.filter((entry) => entry.isDirectory()).flatMap((entry) => manifestDirs(join(dir, entry.name))),
  ]
}

function readManifest(dir: string): GoldenRow[] {
  const path = join(dir, 'manifest.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as { cases?: GoldenRow[] }
  if (!Array.isArray(manifest.cases)) throw new Error(`${path}: has no list named "cases"`)
  return manifest.cases.map((row) => ({ ...row, family: row.family ?? manifestFamily(dir) }))
}

/** Families in folders of their own may leave `family` out of their rows. */
const manifestFamily = (dir: string): string => dir.split('/').at(-1)!

export interface Outcome {
  readonly verdict: 'passed' | 'failed' | 'unknown'
  /** Worst check first relative to its bound; empty when unknown. */
  readonly checks: readonly CheckResult[]
}

/** Runs one case. An exception is a failed check that carries its message. */
export async function runCase({ row, dir }: GoldenCase, device: Device): Promise<Outcome> {
  const family = families[row.family]
  if (!family?.ops.has(row.op)) return { verdict: 'unknown', checks: [] }
  try {
    const checks = await family.run(row, dir, device)
    const ranked = [...checks].sort((a, b) => severity(b) - severity(a))
    return { verdict: checks.length > 0 && checks.every(({ ok }) => ok) ? 'passed' : 'failed', checks: ranked }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return {
      verdict: 'failed',
      checks: [{ name: 'run', error: Number.POSITIVE_INFINITY, bound: 0, ok: false, message }],
    }
  }
}

const severity = ({ error, bound, ok }: CheckResult): number => (ok ? 0 : 1e6) + (bound > 0 ? error / bound : error)
