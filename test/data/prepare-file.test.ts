import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DataError } from '../../src/data/errors.js'
import { writeNifti } from '../../src/data/nifti-write.js'
import { reorient } from '../../src/data/orientation.js'
import { readAndPreprocess } from '../../src/data/preprocess/prepare-file.js'
import { preprocess } from '../../src/data/preprocess/preprocess.js'
import type { PreprocessStep } from '../../src/data/preprocess/steps.js'
import { RandomStream } from '../../src/data/random.js'
import { readVolume } from '../../src/data/read-volume.js'
import { type Volume, volumeFromArray } from '../../src/data/volume.js'
import { sameBytes, temporaryFolder } from './helpers.js'

function scan(shape: [number, number, number]): Volume {
  const random = new RandomStream(8, 1)
  const data = Int16Array.from({ length: shape[0] * shape[1] * shape[2] }, () => random.uniform(-1000, 1000))
  return volumeFromArray(data, shape, [0.1, -1.4, 0, 5, 0.9, 0.1, 0.2, -7, 0, 0.3, -2.1, 11, 0, 0, 0, 1])
}

test('gives what reading and preprocessing give, to the last bit', async () => {
  const folder = await temporaryFolder()
  // Larger than the pieces in which a file is unpacked, so that planes come by several of them.
  const path = join(folder, 'scan.nii.gz')
  await writeNifti(path, scan([90, 101, 600]))
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('RAS', 'SAR', 'LPI', 'IAL', undefined),
      fc.tuple(fc.constantFrom(1, 3.3), fc.constantFrom(0.8, 4), fc.constantFrom(1.5, 9)),
      fc.constantFrom('linear' as const, 'nearest' as const),
      fc.constantFrom('torchio' as const, 'monai' as const, 'fvlm' as const),
      fc.boolean(),
      async (codes, spacingMm, interpolation, rule, roundTowardZero) => {
        fc.pre(rule !== 'fvlm' || codes === 'RAS')
        const steps: PreprocessStep[] = [
          ...(codes ? [{ kind: 'orient' as const, codes }] : []),
          { kind: 'resample', spacingMm, interpolation, rule, roundTowardZero },
          { kind: 'clamp', min: -900, max: 900 },
          { kind: 'cropOrPad', size: [40, 60, 50], value: 0 },
        ]
        const [streamed, wanted] = [await readAndPreprocess(path, steps), preprocess(await readVolume(path), steps)]
        expect(sameBytes(streamed.data, wanted.data)).toBe(true)
        expect([streamed.shape, streamed.affine, streamed.history]).toEqual([
          wanted.shape,
          wanted.affine,
          wanted.history,
        ])
        expect(streamed.source).toEqual(wanted.source)
      },
    ),
    { numRuns: 6 },
  )
}, 60_000)

test('also where nothing can be streamed', async () => {
  const folder = await temporaryFolder()
  const [plain, packed] = [join(folder, 'a.nii'), join(folder, 'b.nii.gz')]
  await writeNifti(plain, scan([5, 6, 7]))
  await writeNifti(packed, reorient(scan([5, 6, 7]), 'PIR'))
  const lists: PreprocessStep[][] = [
    [],
    [{ kind: 'clamp', min: 0, max: 5 }],
    [{ kind: 'resample', spacingMm: [2, 2, 2], interpolation: 'cubic' }],
    [{ kind: 'resample', spacingMm: [2, 2, 2], antialias: 'sampled-gaussian' }],
    [{ kind: 'resample', spacingMm: [2, 2, 2] }],
  ]
  for (const path of [plain, packed]) {
    for (const steps of lists) {
      const wanted = preprocess(await readVolume(path), steps)
      expect(sameBytes((await readAndPreprocess(path, steps)).data, wanted.data)).toBe(true)
    }
  }
})

test('a damaged file is refused', async () => {
  const folder = await temporaryFolder()
  const path = join(folder, 'scan.nii.gz')
  await writeNifti(path, scan([30, 30, 30]))
  const bytes = await readFile(path)
  await writeFile(path, bytes.subarray(0, bytes.length - 2000))
  const steps: PreprocessStep[] = [{ kind: 'resample', spacingMm: [2, 2, 2] }]
  await expect(readAndPreprocess(path, steps)).rejects.toThrow(DataError)
  await expect(readAndPreprocess({ name: 'x.nii.gz', bytes: gzipSync('no volume') }, steps)).rejects.toThrow(DataError)
})
