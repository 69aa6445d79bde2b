/** Peak memory, as the system counts it, of reading a scan in a process of its own. */
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { readFileBytes } from '../../src/data/files.js'
import { writeNifti } from '../../src/data/nifti-write.js'
import { volumeFromArray } from '../../src/data/volume.js'
import { scalingAffine, temporaryFolder } from './helpers.js'

const child = fileURLToPath(new URL('memory-child.ts', import.meta.url))

/** 86 MB: memory that the process takes besides weighs little. */
const shape = [350, 350, 350] as [number, number, number]
const volumeBytes = 2 * shape[0] * shape[1] * shape[2]

function growth(path: string, mode: 'read' | 'prepare'): number {
  const text = execFileSync(process.execPath, ['--import', 'tsx', child, path, mode], { encoding: 'utf8' })
  return Number(text)
}

test('reading takes at most 2.2 times the volume; resampling while unpacking at most 1.5 times', async () => {
  const folder = await temporaryFolder()
  const data = new Int16Array(shape[0] * shape[1] * shape[2])
  // Compresses about as well as CT does, and quickly.
  for (let n = 0; n < data.length; n++) data[n] = Math.imul(n, 0x9e3779b1) >>> 25
  const [plain, packed] = [join(folder, 'scan.nii'), join(folder, 'scan.nii.gz')]
  await writeNifti(plain, volumeFromArray(data, shape, scalingAffine([1, 1, 1])))
  await writeFile(packed, gzipSync(await readFileBytes(plain), { level: 1 }))
  expect(growth(plain, 'read')).toBeLessThan(2.2 * volumeBytes)
  expect(growth(packed, 'read')).toBeLessThan(2.2 * volumeBytes)
  expect(growth(packed, 'prepare')).toBeLessThan(1.5 * volumeBytes)
}, 60_000)
