import { join } from 'node:path'
import { DataError } from '../../../src/data/errors.js'
import { readNifti } from '../../../src/data/nifti.js'
import { openSafetensors } from '../../../src/data/safetensors-file.js'
import { contiguous, validateVolume } from '../../../src/data/volume.js'
import { checkEqual, checkNumbers, failure, peak } from '../checks.js'
import type { CheckResult, GoldenRow } from '../types.js'

/** Affines are float64 on both sides: a nanometre is far above their rounding and far below anything that matters. */
export const AFFINE_BOUND_MM = 1e-6

/** Scaled values are rounded to float32 once on either side. */
const SCALED_BOUND_RELATIVE = 2 ** -23

/** Family `nifti`: what a file must yield, or that it must be rejected. `dir` is the folder of the manifest. */
export async function runNifti(row: GoldenRow, dir: string): Promise<CheckResult[]> {
  const source = join(dir, String(row.params.source))
  switch (row.op) {
    case 'nifti':
      return checkContents(row, dir, source)
    case 'nifti_error':
      return [await checkRejected(source, false)]
    case 'nifti_either':
      return [await checkRejected(source, true)]
    default:
      return [failure(row.op, `unknown operation of family nifti`)]
  }
}

async function checkContents(row: GoldenRow, dir: string, source: string): Promise<CheckResult[]> {
  await using file = await openSafetensors(join(dir, row.file))
  const expected = await file.read('output.data')
  const affine = await file.read('output.affine')
  const volume = await readNifti(source)
  const said = volume.source
  const { params } = row
  const bound =
    params.slope === 1 && params.inter === 0 ? 0 : SCALED_BOUND_RELATIVE * peak(expected.data as Float32Array)
  return [
    checkNumbers('output.data', contiguous(volume, 'float32').data, expected.data as Float32Array, bound),
    checkNumbers('output.affine', volume.affine, affine.data as Float64Array, AFFINE_BOUND_MM),
    checkEqual('output.data shape', said.storedShape, expected.shape),
    checkEqual('shape', said.storedShape, params.shape),
    checkEqual('stored_dtype', said.storedDtype, params.stored_dtype),
    checkEqual('big_endian', said.bigEndian, params.big_endian),
    checkEqual('sform_code', said.sformCode, params.sform_code),
    checkEqual('qform_code', said.qformCode, params.qform_code),
    checkEqual('version', said.version, params.version),
    checkNumbers('zooms', said.zooms, params.zooms as number[], AFFINE_BOUND_MM),
    checkNumbers('slope, inter', [said.slope, said.intercept], [params.slope, params.inter] as number[], 0),
  ]
}

/** The file must give a DataError, or (`mayRead`) a sound volume. */
async function checkRejected(source: string, mayRead: boolean): Promise<CheckResult> {
  const name = mayRead ? 'read or rejected' : 'rejected'
  try {
    const volume = await readNifti(source)
    if (!mayRead) return failure(name, 'the file was read')
    validateVolume(volume)
  } catch (error) {
    if (!(error instanceof DataError)) return failure(name, `not a DataError: ${error}`)
    if (!error.message.includes(source)) return failure(name, `the message does not name the file: ${error.message}`)
  }
  return { name, error: 0, bound: 0, ok: true }
}
