import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { makeChestPhantom, preprocess, readVolume, writeVolume } from '../../src/data/index.js'
import { prepareScan } from '../../src/inference/prepare-task.js'
import { colipriPreprocessing, colipriTiny } from '../../src/models/index.js'
import { plainSlice } from '../data/compressed-dicom/slice.js'
import { sameBytes, temporaryFolder } from '../data/helpers.js'

it('prepares files as reading and then preprocessing them would, to the last bit', async () => {
  const folder = await temporaryFolder()
  const packed = join(folder, 'scan.nii.gz')
  await writeVolume(packed, makeChestPhantom({ seed: 3, shape: [61, 52, 40], spacingMm: [4.1, 4.3, 6.7] }).volume)
  const plain = join(folder, 'scan.nii')
  await writeVolume(plain, await readVolume(packed))
  const slices = { name: 'slice.dcm', bytes: plainSlice(true) }
  const bytes = { name: 'scan.nii.gz', bytes: gzipSync(await readFile(plain)) }
  const steps = colipriPreprocessing(colipriTiny)
  const scans = [
    ...[packed, plain, bytes, slices].map((scan) => ({ scan, input: scan })),
    { scan: { kind: 'volume', path: packed } as const, input: packed },
  ]
  for (const { scan, input } of scans) {
    const wanted = preprocess(await readVolume(input), steps)
    const { volume, timesMs } = await prepareScan(scan, { steps, hash: false })
    expect(sameBytes(volume.data, wanted.data)).toBe(true)
    expect([volume.shape, volume.affine, volume.history]).toEqual([wanted.shape, wanted.affine, wanted.history])
    expect(Object.keys(timesMs)).toEqual(['read and preprocess'])
  }
})
