/**
 * How hard the phantoms are, from below and from above:
 *
 *     node scripts/run.mjs scripts/phantom-probe.ts [--train 600] [--test 300] [--difficulty 0.3]
 *
 * `linear` is the AUROC of a ridge regression on raw intensities (48^3 voxels averaged to 24^3), with the strength that suits the
 * test phantoms best, which favours it. `oracle` is that of a few statistics of the finding's own organ, by a ridge too: what can be
 * known when one knows where to look. Exit code 1 when the first is not under 0.65, or the second not above 0.95 for most findings.
 */
import { parseArgs } from 'node:util'
import { phantomFindings, phantomSeeds, phantomStudy } from '../src/data/index.js'
import { auroc } from '../src/train/metrics/index.js'
import { organFeatures } from './phantom-probe/organ-features.js'
import { Ridge } from './phantom-probe/ridge.js'

const { values } = parseArgs({
  options: {
    train: { type: 'string', default: '600' },
    test: { type: 'string', default: '300' },
    difficulty: { type: 'string', default: '0.3' },
  },
})
const counts = { train: Number(values.train), test: Number(values.test) }

interface Row {
  readonly pixels: Float64Array
  readonly organs: Readonly<Record<string, number[]>>
  readonly labels: Readonly<Record<string, number>>
}

const started = performance.now()
const load = (split: 'train' | 'test'): Row[] =>
  phantomSeeds(split, counts[split]).map((seed) => {
    const study = phantomStudy(seed, { shape: [48, 48, 48], difficulty: Number(values.difficulty) })
    return { pixels: pooled(study.volume.data), organs: organFeatures(study), labels: study.labels }
  })
const [train, test] = [load('train'), load('test')]
const perStudyMs = (performance.now() - started) / (train.length + test.length)

/** Averages of 2 x 2 x 2 voxels of a 48^3 volume, in a window that shows everything. */
function pooled(data: ArrayLike<number>): Float64Array {
  const out = new Float64Array(24 ** 3)
  for (let n = 0; n < data.length; n++) {
    const [i, j, k] = [n % 48, Math.floor(n / 48) % 48, Math.floor(n / 48 ** 2)]
    out[(i >> 1) + 24 * ((j >> 1) + 24 * (k >> 1))]! += Math.min(Math.max(data[n]!, -1000), 600) / 8
  }
  return out
}

const labelsOf = (rows: readonly Row[], name: string): number[] => rows.map(({ labels }) => labels[name]!)

function scores(ridge: Ridge, name: string, strength: number, rows: readonly Float64Array[]): number {
  return auroc(ridge.fit(labelsOf(train, name), strength, rows), labelsOf(test, name))
}

const pixels = new Ridge(train.map((row) => row.pixels))
const testPixels = test.map((row) => row.pixels)
const strengths = [0.003, 0.03, 0.3, 3]
const linear = strengths.map((strength) => phantomFindings.map((name) => scores(pixels, name, strength, testPixels)))
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, value) => sum + value, 0) / numbers.length
const best = linear.reduce((most, other) => (mean(other) > mean(most) ? other : most))
const oracle = phantomFindings.map((name) => {
  const features = standardiser(train.map(({ organs }) => organs[name]!))
  const ridge = new Ridge(train.map(({ organs }) => features(organs[name]!)))
  return scores(
    ridge,
    name,
    0.001,
    test.map(({ organs }) => features(organs[name]!)),
  )
})

/** Each feature to mean 0 and deviation 1, with its square beside it. */
function standardiser(rows: readonly number[][]): (row: readonly number[]) => Float64Array {
  const means = rows[0]!.map((_, column) => mean(rows.map((row) => row[column]!)))
  const deviations = means.map(
    (middle, column) => Math.sqrt(mean(rows.map((row) => (row[column]! - middle) ** 2))) + 1e-9,
  )
  return (row) => {
    const scaled = row.map((value, column) => Math.min(Math.max((value - means[column]!) / deviations[column]!, -4), 4))
    return Float64Array.from([...scaled, ...scaled.map((value) => value * value)])
  }
}

console.log(`${'finding'.padEnd(36)}prevalence  linear  oracle`)
for (const [n, name] of phantomFindings.entries()) {
  const prevalence = mean(labelsOf(train, name)).toFixed(2)
  console.log(
    `${name.padEnd(36)}${prevalence.padStart(10)}${best[n]!.toFixed(3).padStart(8)}${oracle[n]!.toFixed(3).padStart(8)}`,
  )
}
console.log(`${'macro'.padEnd(46)}${mean(best).toFixed(3).padStart(8)}${mean(oracle).toFixed(3).padStart(8)}`)
if (mean(best) >= 0.65 || oracle.filter((score) => score > 0.95).length <= phantomFindings.length / 2)
  process.exitCode = 1
console.log(`${perStudyMs.toFixed(0)} ms per phantom of 48 x 48 x 48 with its features`)
