/** `voxgrad data check` as a user runs it. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { volumeFromArray, writeNifti } from '../../src/data/index.js'

const command = fileURLToPath(new URL('../../bin/voxgrad.js', import.meta.url))
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-data-check-'))
  const identity = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
  for (const name of ['a', 'b']) {
    const values = Int16Array.from({ length: 8 }, (_, n) => n * name.charCodeAt(0))
    await writeNifti(join(folder, `${name}.nii.gz`), volumeFromArray(values, [2, 2, 2], identity))
  }
  await writeFile(join(folder, 'broken.nii'), 'no scan')
  await writeFile(join(folder, 'dataset.csv'), 'image,split,report\na.nii.gz,train,Clear.\nb.nii.gz,test,Nodule.\n')
  await writeFile(join(folder, 'bad.csv'), 'image\na.nii.gz\nbroken.nii\n')
})

afterAll(() => rm(folder, { recursive: true }))

function check(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, 'data', 'check', ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}

describe('voxgrad data check', () => {
  it('exits 0 on a sound data set and writes a summary', async () => {
    const { code, stdout } = await check('.', '--html', 'summary.html')
    expect(stdout).toContain('train       1 studies of 1 patients, 1 images, 0 masks, 1 reports')
    expect(stdout).toContain('problems: 0, notices: 0')
    expect(code).toBe(0)
    expect(await readFile(join(folder, 'summary.html'), 'utf8')).toContain('<h2>Geometry</h2>')
  })

  it('exits 1 on a broken file and names it', async () => {
    const { code, stdout } = await check('bad.csv', '--json', '--layout', 'table')
    expect(code).toBe(1)
    expect(JSON.parse(stdout).findings).toMatchObject([{ kind: 'broken-image', names: ['broken.nii'] }])
  })

  it('exits 1 on what is no data set, 2 on wrong usage', async () => {
    const none = await check('nowhere')
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('voxgrad: nowhere: is not there')])
    expect((await check('.', '--layout', 'unknown')).code).toBe(2)
    expect((await check()).code).toBe(2)
  })
})
