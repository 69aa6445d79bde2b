import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cropOrPad, cropOrPadMargins } from '../../../src/data/crop.js'
import type { Triple } from '../../../src/data/geometry.js'
import { readNifti } from '../../../src/data/nifti.js'
import { axisCodes, reorient } from '../../../src/data/orientation.js'
import { preprocess } from '../../../src/data/preprocess/preprocess.js'
import type { PreprocessStep } from '../../../src/data/preprocess/steps.js'
import { resampleToSpacing } from '../../../src/data/resample.js'
import { openSafetensors, type SafetensorsFile } from '../../../src/data/safetensors-file.js'
import { antialiasSigma, sampleAxis } from '../../../src/data/sampling-grid.js'
import { contiguous, spacingMm, type Volume, volumeFromArray } from '../../../src/data/volume.js'
import { checkEqual, checkNumbers, failure } from '../checks.js'
import type { CheckResult, GoldenRow } from '../types.js'
import { AFFINE_BOUND_MM } from './nifti.js'

/** Bounds of the golden data's README. */
const BOUND_HU = 1e-3
const ANTIALIAS_BOUND_HU = 12

/** Sampling positions and sigmas are float64 on our side; the manifest gives sigmas with eight digits. */
const INDEX_BOUND = 1e-9
const SIGMA_BOUND = 1e-6

/** Family `preprocess`: from a scan to a network's input. `dir` is the folder of the manifest. */
export async function runPreprocess(row: GoldenRow, dir: string): Promise<CheckResult[]> {
  const file = join(dir, row.file)
  switch (row.op) {
    case 'preprocess': {
      await using tensors = await openSafetensors(file)
      return await checkStages(row, tensors, await inputVolume(tensors))
    }
    case 'pipeline': {
      await using tensors = await openSafetensors(file)
      return await checkStages(row, tensors, await readNifti(join(dir, String(row.params.source))))
    }
    case 'crop_or_pad':
      return checkCropOrPad(JSON.parse(await readFile(file, 'utf8')))
    case 'resample_geometry':
      return checkResampleGeometry(JSON.parse(await readFile(file, 'utf8')))
    default:
      return [failure(row.op, 'unknown operation of family preprocess')]
  }
}

async function inputVolume(tensors: SafetensorsFile): Promise<Volume> {
  const volume = await tensors.read('input.volume')
  const affine = await tensors.read('input.affine')
  return volumeFromArray(volume.data as Float32Array, volume.shape as Triple, [...(affine.data as Float64Array)])
}

/**
 * Compares results of truncation to whole HU (in `unit`s of the output per HU). Truncation is discontinuous: where the
 * value before it lies within the bound of a whole number, the next whole number toward zero is just as right, and which
 * one comes out hangs on the last bit of ITK's singular value decomposition. Only there a step of one HU is accepted.
 */
function checkTruncated(
  name: string,
  got: ArrayLike<number>,
  untruncated: ArrayLike<number>,
  expected: ArrayLike<number>,
  unit: number,
): CheckResult {
  const bound = BOUND_HU * unit
  const onWholeHu = (n: number) => Math.abs(untruncated[n]! / unit - Math.round(untruncated[n]! / unit)) <= BOUND_HU
  let excused = 0
  const adjusted = Array.from(got, (value, n) => {
    const difference = Math.abs(value - expected[n]!)
    if (difference <= bound || difference > unit + bound || !onWholeHu(n)) return value
    excused++
    return expected[n]!
  })
  const check = checkNumbers(name, adjusted, expected, bound)
  return excused === 0 ? check : { ...check, message: `${excused} voxels on a whole HU differ by one` }
}

/** Every output that the file holds is computed and compared; an output without a rule is a failure, not a pass. */
async function checkStages(row: GoldenRow, tensors: SafetensorsFile, volume: Volume): Promise<CheckResult[]> {
  const { params } = row
  const orientation = String(params.orientation)
  const target = params.target_spacing as Triple
  const oriented = reorient(volume, orientation)
  const resampled = resampleToSpacing(oriented, target)
  const checks: CheckResult[] = []
  if (params.input_axcodes !== undefined) {
    checks.push(checkEqual('input_axcodes', axisCodes(volume.affine), params.input_axcodes))
  }
  if (params.new_size !== undefined) checks.push(checkEqual('new_size', resampled.shape, params.new_size))
  if (params.sigma_voxels !== undefined) {
    const sigmas = spacingMm(oriented).map((mm, axis) => antialiasSigma(mm, target[axis]!))
    checks.push(checkNumbers('sigma_voxels', sigmas, params.sigma_voxels as number[], SIGMA_BOUND))
  }
  const antialiased = () => resampleToSpacing(oriented, target, { antialias: 'sampled-gaussian' })
  const rules: Record<string, () => { got: ArrayLike<number>; bound: number }> = {
    'output.affine': () => ({ got: volume.affine, bound: AFFINE_BOUND_MM }),
    'output.oriented': () => ({ got: contiguous(oriented).data, bound: 0 }),
    'output.oriented_affine': () => ({ got: oriented.affine, bound: AFFINE_BOUND_MM }),
    'output.resampled': () => ({ got: resampled.data, bound: BOUND_HU }),
    'output.resampled_affine': () => ({ got: resampled.affine, bound: AFFINE_BOUND_MM }),
    'output.resampled_antialias': () => ({ got: antialiased().data, bound: ANTIALIAS_BOUND_HU }),
    'output.resampled_antialias_itk': () => ({ got: antialiased().data, bound: ANTIALIAS_BOUND_HU }),
    'output.network_input': () => ({
      got: networkInput(volume, params, {}),
      bound: BOUND_HU * scaledHu(params),
    }),
    'output.network_input_antialias': () => ({
      got: networkInput(volume, params, { antialias: 'sampled-gaussian' }),
      bound: ANTIALIAS_BOUND_HU * scaledHu(params),
    }),
  }
  for (const name of tensors.names.filter((tensor) => tensor.startsWith('output.'))) {
    const expected = (await tensors.read(name)).data as Float32Array | Float64Array
    if (name === 'output.resampled_int16') {
      const got = resampleToSpacing(contiguous(oriented, 'int16'), target, { roundTowardZero: true }).data
      checks.push(checkTruncated(name, got, resampled.data, expected, 1))
      continue
    }
    if (name === 'output.network_input_int16') {
      const got = networkInput(contiguous(volume, 'int16'), params, { roundTowardZero: true })
      checks.push(checkTruncated(name, got, networkInput(volume, params, {}), expected, scaledHu(params)))
      continue
    }
    const rule = rules[name]
    if (rule === undefined) {
      checks.push(failure(name, 'there is no rule for this output'))
      continue
    }
    const { got, bound } = rule()
    checks.push(checkNumbers(name, got, expected, bound))
  }
  return checks
}

/** What one HU is after the intensity step: 0.001 for the usual +-1000 HU to +-1. */
function scaledHu(params: Record<string, unknown>): number {
  const [min, max] = params.clamp as [number, number]
  const [low, high] = rescaleTo(params)
  return (high - low) / (max - min)
}

function rescaleTo(params: Record<string, unknown>): [number, number] {
  return (params.rescale_to ?? [-1, 1]) as [number, number]
}

/** The whole pipeline at once, through the description that a model ships. */
function networkInput(
  volume: Volume,
  params: Record<string, unknown>,
  resampling: { antialias?: 'sampled-gaussian'; roundTowardZero?: true },
): ArrayLike<number> {
  const [min, max] = params.clamp as [number, number]
  const steps: PreprocessStep[] = [
    { kind: 'orient', codes: String(params.orientation) },
    { kind: 'resample', spacingMm: params.target_spacing as Triple, ...resampling },
    { kind: 'clamp', min, max },
    { kind: 'scale', from: [min, max], to: rescaleTo(params) },
    { kind: 'cropOrPad', size: params.network_size as Triple, value: Number(params.pad_value) },
  ]
  return preprocess(volume, steps).data
}

interface CropOrPadCase {
  size: number
  target: number
  delta: [number, number]
  values: number[]
}

/** Rows of 1 ... size, on each of the three axes. */
function checkCropOrPad(cases: CropOrPadCase[]): CheckResult[] {
  return cases.map(({ size, target, delta, values }) => {
    const name = `${size} to ${target}`
    const { before, after } = cropOrPadMargins(size, target)
    const margins = checkNumbers(name, [before, after], delta, 0)
    if (!margins.ok) return { ...margins, message: `margins (${before}, ${after}) instead of (${delta})` }
    const row = Int16Array.from({ length: size }, (_, n) => n + 1)
    const perAxis = [0, 1, 2].map((axis) => {
      const along = (length: number) => [0, 1, 2].map((other) => (other === axis ? length : 1)) as Triple
      const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
      const volume = volumeFromArray(row, along(size), identity)
      return checkNumbers(name, contiguous(cropOrPad(volume, along(target), -1)).data, values, 0)
    })
    return perAxis.find((check) => !check.ok) ?? perAxis[0]!
  })
}

interface ResampleCase {
  size: number
  spacing: number
  target: number
  new_size: number
  first_index: number
}

function checkResampleGeometry(cases: ResampleCase[]): CheckResult[] {
  return cases.map(({ size, spacing, target, new_size, first_index }) => {
    const name = `${size} x ${spacing} mm to ${target} mm`
    const axis = sampleAxis(size, spacing, target)
    if (axis.size !== new_size) return failure(name, `${axis.size} voxels instead of ${new_size}`)
    return checkNumbers(name, [axis.firstIndex], [first_index], INDEX_BOUND)
  })
}
