/** `voxgrad info` and `voxgrad plot` as a user runs them. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { decode } from 'fast-png'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cropOrPad, makeChestPhantom, reorient, writeVolume } from '../../src/data/index.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-looking-'))
  const { volume, labels } = makeChestPhantom({ seed: 3, shape: [48, 40, 40], spacingMm: [8, 8, 8] })
  await writeVolume(join(folder, 'scan.nii.gz'), reorient(volume, 'LPS'))
  await writeVolume(join(folder, 'scan.nrrd'), reorient(volume, 'PIR'))
  await writeVolume(join(folder, 'labels.mha'), cropOrPad(reorient(labels, 'SAR'), [30, 30, 30], 0))
  await writeFile(join(folder, 'text.nii'), 'not a scan')
})

afterAll(() => rm(folder, { recursive: true }))

function voxgrad(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'bin/voxgrad.js'), ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr: stderr.trim() })
    })
  })
}

describe('voxgrad info', () => {
  it('tells the grid in words and as JSON', async () => {
    const { code, stdout } = await voxgrad('info', 'scan.nrrd')
    expect(code).toBe(0)
    expect(stdout).toContain('PIR (the axes run toward posterior, inferior, right)')
    expect(stdout).toContain('8 x 8 x 8 mm')
    const json = JSON.parse((await voxgrad('info', 'scan.nii.gz', '--json')).stdout)
    expect(json).toMatchObject({
      format: 'nifti',
      shape: [48, 40, 40],
      orientation: 'LPS',
      storedDtype: 'int16',
      volumes: 1,
    })
  })

  it.each([
    ['a file that is no scan', ['text.nii'], 1, 'text.nii'],
    ['a missing file', ['none.nii'], 1, 'none.nii'],
    ['no file', [], 2, 'file'],
    ['an index that is no number', ['scan.nrrd', '--index', 'x'], 2, 'whole number'],
  ])('refuses %s in one line', async (_, args, code, message) => {
    const result = await voxgrad('info', ...args)
    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.stderr.split('\n')).toHaveLength(1)
    expect(result.stderr).toContain(message)
  })
})

describe('voxgrad plot', () => {
  it('draws the same picture whatever the file, and labels on another grid in colour', async () => {
    for (const scan of ['scan.nii.gz', 'scan.nrrd']) {
      const { code, stderr } = await voxgrad('plot', scan, '--window', 'lung', '--out', `${scan}.png`)
      expect([code, stderr]).toEqual([0, ''])
    }
    const picture = async (name: string) => decode(await readFile(join(folder, name)))
    const plain = await picture('scan.nii.gz.png')
    expect((await picture('scan.nrrd.png')).data).toEqual(plain.data)
    const overlaid = await voxgrad(
      ...['plot', 'scan.nii.gz', '--overlay', 'labels.mha', '--window', '-600,1500', '--out', 'overlay.png'],
    )
    expect(overlaid.code).toBe(0)
    const { data } = await picture('overlay.png')
    expect(data.length).toBe(plain.data.length)
    const coloured = data.filter((value, n) => value !== plain.data[n]).length
    expect(coloured).toBeGreaterThan(data.length / 50)
  })

  it.each([
    ['no output', [], 2],
    ['an unknown window', ['-o', 'x.png', '--window', 'heart'], 2],
    ['a point outside', ['-o', 'x.png', '--at', '1,2,9000'], 1],
    ['a folder that is not there', ['-o', 'no/x.png'], 1],
    ['an overlay that is none', ['-o', 'x.png', '--overlay', 'text.nii'], 1],
  ])('refuses %s in one line', async (_, args, code) => {
    const result = await voxgrad('plot', 'scan.nii.gz', ...args)
    expect(result).toMatchObject({ code, stdout: '' })
    expect(result.stderr.split('\n')).toHaveLength(1)
  })
})
