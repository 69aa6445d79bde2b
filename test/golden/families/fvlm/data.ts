/** Cases of the data layer: captions, windows, resampling, preparation and augmentation. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { linearPositions, linearTable, nearestTable } from '../../../../src/data/axis-tables.js'
import {
  composeCaptions,
  cropAndFlip,
  cropToAnatomies,
  DataError,
  type Decomposition,
  drawCrop,
  type FvlmPreprocessing,
  fvlmPreprocessing,
  mergeLabels,
  type PreparedFvlmScan,
  prepareFvlmScan,
  RandomStream,
  resampleForFvlm,
  type Triple,
  volumeFromArray,
  windowHounsfield,
} from '../../../../src/data/index.js'
import { sampledGrid } from '../../../../src/data/sampling-rules.js'
import { evaluationWindow } from '../../../../src/models/index.js'
import { checkEqual, checkNumbers, failure } from '../../checks.js'
import type { GoldenFile } from '../../tensors.js'
import type { CheckResult } from '../../types.js'
import { configOf, open, type Runner } from './common.js'

const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]

export const runCaptions: Runner = async (row, dir) => {
  const { findings, impression, patients, organs, expected } = JSON.parse(
    await readFile(join(dir, row.file), 'utf8'),
  ) as {
    findings: Decomposition
    impression: Decomposition
    patients: string[]
    organs: string[]
    expected: Record<string, unknown>
  }
  return patients.map((scan) =>
    checkEqual(scan, composeCaptions(scan, organs, { findings, impression }), expected[scan]),
  )
}

/** Rows of three numbers. */
const triples = (golden: GoldenFile, name: string): Triple[] => {
  const values = golden.values(name)
  return Array.from({ length: values.length / 3 }, (_, n) => [...values.slice(3 * n, 3 * n + 3)] as Triple)
}

export const runHuWindow: Runner = async (row, dir) => {
  const golden = await open(row, dir)
  const hu = Float32Array.from(golden.values('input.hu'))
  const volume = volumeFromArray(hu, [1, 1, hu.length], identity)
  const got = windowHounsfield(volume, configOf(row).window ?? fvlmPreprocessing.windowHu).data
  return [checkNumbers('output.value', got, golden.values('output.value'), 2e-7)]
}

export const runResample1d: Runner = async (row, dir) => {
  const golden = await open(row, dir)
  const pairs = configOf(row).pairs as [number, number][]
  return pairs.flatMap(([from, to]) => {
    const name = `${from}_${to}`
    const step = from / to
    const axis = { size: to, firstIndex: 0.5 * step - 0.5, step }
    const values = golden.values(`input.${name}.values`)
    const { below, next, weight } = linearTable(linearPositions(axis, 'fvlm'), from, 1)
    const linear = Array.from(below, (at, n) => {
      const value = values[at]!
      return value + weight[n]! * (values[at + next[n]!]! - value)
    })
    return [
      checkNumbers(
        `${name} nearest`,
        nearestTable(axis, 'fvlm', from, 1).below,
        golden.values(`output.${name}.nearest_index`),
        0,
      ),
      checkNumbers(`${name} linear`, linear, golden.values(`output.${name}.linear`), 0.2),
    ]
  })
}

export const runTargetSize: Runner = async (row, dir) => {
  const golden = await open(row, dir)
  const [sizes, spacings] = [triples(golden, 'input.size'), triples(golden, 'input.header_spacing.f64')]
  const got = sizes.flatMap((shape, n) => {
    const [x, y, z] = spacings[n]!
    const affine = [x, 0, 0, 0, 0, y, 0, 0, 0, 0, z, 0, 0, 0, 0, 1]
    return sampledGrid('fvlm', { shape, affine }, configOf(row).spacing_reference ?? fvlmPreprocessing.spacingMm).shape
  })
  return [checkNumbers('output.size', got, golden.values('output.size'), 0)]
}

export const runPreprocess: Runner = async (row, dir) => {
  const config = configOf(row)
  const golden = await open(row, dir)
  const shape = golden.entry('input.hu').shape as unknown as Triple
  const affine = [...golden.values('input.affine.f64')]
  const image = volumeFromArray(Int16Array.from(golden.values('input.hu')), shape, affine)
  const mask = volumeFromArray(Uint8Array.from(golden.values('input.labels')), shape, affine)
  const merge = Object.entries(config.merge as Record<string, number>)
  const count = Math.max(...merge.map(([, number]) => number))
  const anatomies = Array.from({ length: count }, (_, i) => `anatomy ${i + 1}`)
  const mapping = Object.fromEntries(
    anatomies.map((name, i) => [name, merge.filter(([, number]) => number === i + 1).map(([label]) => Number(label))]),
  )
  const preprocessing: FvlmPreprocessing = {
    spacingMm: config.spacing_reference,
    windowHu: config.window,
    margin: config.margin_dhw,
    leastExtents: config.pad_to,
  }
  const prepare = () =>
    prepareFvlmScan(image, mask, { anatomies, mapping, preprocessing, frame: 'stored', checkIntensities: false })
  if (config.skipped) return checkSkipped(golden, image, preprocessing, prepare)
  const labels = mergeLabels(mask, anatomies, mapping)
  const resampled = resampleForFvlm({ image, labels }, preprocessing)
  const cropped = cropToAnatomies(resampled, preprocessing)
  const prepared = prepare()
  return [
    checkNumbers('output.merged', labels.data, golden.values('output.merged'), 0),
    checkNumbers('output.resampled_image', resampled.image.data, golden.values('output.resampled_image'), 2e-2),
    checkNumbers('output.resampled_label', resampled.labels.data, golden.values('output.resampled_label'), 0),
    checkEqual('crop extents', cropped.image.shape, golden.entry('output.image_crop').shape),
    checkNumbers('output.image_crop', cropped.image.data, golden.values('output.image_crop'), 2e-5),
    checkNumbers('output.label_crop', cropped.labels.data, golden.values('output.label_crop'), 0),
    ...checkPadding(golden, prepared),
    ...checkStatistics(config.processed, prepared, count),
  ]
}

/** A scan without organs: everything up to the crop is computed, then it is refused. */
function checkSkipped(
  golden: GoldenFile,
  image: ReturnType<typeof volumeFromArray>,
  preprocessing: FvlmPreprocessing,
  prepare: () => PreparedFvlmScan,
): CheckResult[] {
  let refused = false
  try {
    prepare()
  } catch (error) {
    if (!(error instanceof DataError)) throw error
    refused = true
  }
  const labels = { ...image, data: Uint8Array.from(golden.values('output.merged')) }
  const resampled = resampleForFvlm({ image, labels }, preprocessing)
  return [
    checkEqual('refused', refused, true),
    checkNumbers('output.resampled_image', resampled.image.data, golden.values('output.resampled_image'), 2e-2),
    checkNumbers('output.resampled_label', resampled.labels.data, golden.values('output.resampled_label'), 0),
  ]
}

/** Where the crop lies in the padded volume. */
function checkPadding(golden: GoldenFile, { labels, extents }: PreparedFvlmScan): CheckResult[] {
  const [before, after] = [golden.values('output.pad_before'), golden.values('output.pad_after')]
  const [low, high] = [golden.values('output.crop_low'), golden.values('output.crop_high')]
  const want = extents.map((_, axis) => before[axis]! + high[axis]! - low[axis]! + after[axis]!)
  const crop = golden.entry('output.label_crop').shape
  const values = golden.values('output.label_crop')
  const moved: number[] = []
  for (let d = 0; d < crop[0]!; d++) {
    for (let h = 0; h < crop[1]!; h++) {
      for (let w = 0; w < crop[2]!; w++) {
        moved.push(labels[((d + before[0]!) * extents[1] + h + before[1]!) * extents[2] + w + before[2]!]!)
      }
    }
  }
  return [checkEqual('padded extents', extents, want), checkNumbers('label_crop within the padding', moved, values, 0)]
}

interface Processed {
  readonly shape: number[]
  readonly image_sum: number
  readonly image_sumsq: number
  readonly label_counts: number[]
}

function checkStatistics(processed: Processed, { image, labels, extents }: PreparedFvlmScan, count: number) {
  let [sum, squares] = [0, 0]
  for (const value of image) {
    sum += value
    squares += value * value
  }
  const counts = new Array<number>(count + 1).fill(0)
  for (const label of labels) counts[label]!++
  // As many voxels as are not filling, each within the bound of the crop.
  const voxels = image.reduce((total, value) => total + (value > 0 ? 1 : 0), 0)
  return [
    checkEqual('processed.shape', extents, processed.shape),
    checkEqual('processed.label_counts', counts, processed.label_counts),
    checkNumbers('processed.image_sum', [sum], [processed.image_sum], 2e-5 * voxels),
    checkNumbers('processed.image_sumsq', [squares], [processed.image_sumsq], 4e-5 * voxels),
  ]
}

export const runAugment: Runner = async (row, dir) => {
  const golden = await open(row, dir)
  const { roi, flip_probability: flipProbability, allowed_start_range: allowed } = configOf(row)
  const scan: PreparedFvlmScan = {
    image: Float32Array.from(golden.values('input.image')),
    labels: Uint8Array.from(golden.values('input.label')),
    extents: golden.entry('input.image').shape as unknown as Triple,
  }
  const [starts, flips] = [triples(golden, 'input.start'), triples(golden, 'input.flip')]
  const crops = starts.map((start, n) =>
    cropAndFlip(scan, { start, flip: flips[n]!.map((flag) => flag === 1) as [boolean, boolean, boolean] }, roi),
  )
  const random = new RandomStream(1, 0)
  const draws = Array.from({ length: 400 }, () => drawCrop(scan, random, { extents: roi, flipProbability }).start)
  const range = [0, 1, 2].map((axis) => {
    const along = draws.map((start) => start[axis]!)
    return [Math.min(...along), Math.max(...along)]
  })
  return [
    checkNumbers(
      'output.image',
      crops.flatMap(({ image }) => [...image]),
      golden.values('output.image'),
      0,
    ),
    checkNumbers(
      'output.label',
      crops.flatMap(({ labels }) => [...labels]),
      golden.values('output.label'),
      0,
    ),
    allowed ? checkEqual('range of starts', range, allowed) : failure('range of starts', 'is not given'),
  ]
}

export const runEvalWindow: Runner = async (row, dir) => {
  const golden = await open(row, dir)
  const { roi, pad_multiple: patch } = configOf(row)
  const [low, high] = [triples(golden, 'input.box_min'), triples(golden, 'input.box_max')]
  const windows = triples(golden, 'input.dims').map((dims, n) =>
    evaluationWindow({ low: low[n]!, high: high[n]! }, dims, roi, patch),
  )
  return (['start', 'end', 'padded'] as const).map((key) =>
    checkNumbers(
      `output.${key}`,
      windows.flatMap((window) => [...window[key]]),
      golden.values(`output.${key}`),
      0,
    ),
  )
}
