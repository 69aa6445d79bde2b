/** The `voxgrad` command as a user runs it: a process of its own. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeChestPhantom, openSafetensors, writeNifti, writeSafetensors } from '../../src/data/index.js'
import { loadModel } from '../../src/inference/index.js'
import { largestError } from '../support/arrays.js'
import { tinyConfig as config } from '../support/colipri.js'
import { testDevice } from '../support/device.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const weights = join(root, 'test/golden/cases/colipri/tiny_a.checkpoint.safetensors')

let folder = ''
let scan = ''
let configPath = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-cli-'))
  scan = join(folder, 'scan.nii.gz')
  configPath = join(folder, 'config.json')
  await writeNifti(scan, makeChestPhantom({ seed: 3, shape: [48, 40, 40], spacingMm: [8, 8, 8] }).volume)
  await writeFile(configPath, JSON.stringify(config))
})

afterAll(() => rm(folder, { recursive: true }))

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function voxgrad(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'bin/voxgrad.js'), ...args], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr: withoutDawnWarnings(stderr) })
    })
  })
}

/** Dawn warns about a limit of lavapipe at every start, and has no switch for it. */
const withoutDawnWarnings = (text: string) => text.replace(/^Warning: maxDynamic.*\n/gm, '').trim()

describe('voxgrad doctor', () => {
  it('tells everything as JSON', async () => {
    const { code, stdout } = await voxgrad('doctor', '--json')
    const diagnosis = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(diagnosis).toMatchObject({ usable: true, selfTest: true, profile: 'safe', node: process.version })
    expect(diagnosis.limits.maxStorageBufferBindingSize).toBeGreaterThan(0)
    expect(diagnosis.adapter.description).not.toBe('')
    expect(diagnosis.toggles.enabled).toContain('allow_unsafe_apis')
  })

  it('exits 1 when nothing can run', async () => {
    const { code, stdout } = await voxgrad('doctor', '--json', '--adapter', 'no such adapter')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ usable: false, remedy: 'npx voxgrad setup' })
  })
})

describe('voxgrad embed', () => {
  it('prints what the library computes', async () => {
    const { code, stdout, stderr } = await voxgrad(
      'embed',
      scan,
      '--weights',
      weights,
      '--config',
      configPath,
      '--json',
    )
    expect(stderr).toBe('')
    expect(code).toBe(0)
    const report = JSON.parse(stdout)
    expect(report.norm).toBeCloseTo(1, 5)
    expect(report.notice).toContain('not for diagnosis')
    using model = await loadModel('colipri', { weights, config, imageOnly: true, device: await testDevice() })
    const expected = await model.encodeImage(scan)
    expect(largestError(report.embedding, expected)).toBeLessThan(1e-6)
  })

  it('lists every tensor that does not fit, in one line', async () => {
    const broken = join(folder, 'broken.safetensors')
    await using file = await openSafetensors(weights)
    const tensors = new Map(await Promise.all(file.names.map(async (name) => [name, await file.read(name)] as const)))
    tensors.delete('image_encoder.projector.bias')
    tensors.set('image_encoder.surplus', { dtype: 'F32', shape: [1], data: new Float32Array(1) })
    tensors.set('image_encoder.backbone.eva.norm.bias', { dtype: 'F32', shape: [2, 1], data: new Float32Array(2) })
    await writeSafetensors(broken, tensors)
    const { code, stdout, stderr } = await voxgrad('embed', scan, '--weights', broken, '--config', configPath)
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr.split('\n')).toHaveLength(1)
    expect(stderr).toContain('1 missing: image_encoder.projector.bias')
    expect(stderr).toContain('1 extra: image_encoder.surplus')
    expect(stderr).toContain('1 misshapen: image_encoder.backbone.eva.norm.bias is 2x1, not 48')
  })

  it.each([
    ['a missing file', async () => join(folder, 'none.nii.gz'), 'none.nii.gz'],
    [
      'a truncated file',
      async () => {
        const path = join(folder, 'short.nii.gz')
        await writeFile(path, await readFile(scan))
        await truncate(path, Math.floor((await stat(path)).size / 2))
        return path
      },
      'short.nii.gz',
    ],
    [
      'a file that is no scan',
      async () => {
        const path = join(folder, 'text.nii')
        await writeFile(path, 'not a scan')
        return path
      },
      'text.nii',
    ],
  ])('refuses %s in one line that names it', async (_, make, name) => {
    const { code, stderr } = await voxgrad('embed', await make(), '--weights', weights, '--config', configPath)
    expect(code).toBe(1)
    expect(stderr.split('\n')).toHaveLength(1)
    expect(stderr).toContain(name)
  })

  it('refuses configurations that make no sense, by field', async () => {
    const path = join(folder, 'bad.json')
    await writeFile(path, JSON.stringify({ ...config, image: { ...config.image, spacingMm: [2, -1, 2] } }))
    const { code, stderr } = await voxgrad('embed', scan, '--weights', weights, '--config', path)
    expect(code).toBe(1)
    expect(stderr.split('\n')).toHaveLength(1)
    expect(stderr).toContain('image.spacingMm[1]')
  })

  it('exits 2 on wrong usage', async () => {
    expect((await voxgrad('embed')).code).toBe(2)
    expect((await voxgrad('frobnicate')).code).toBe(2)
  })
})

describe('voxgrad convert', () => {
  const checkpoint = join(root, 'test/golden/cases/torch-checkpoints/checkpoint_7.pth')

  it('turns a training checkpoint into the weights of its model, and lists them', async () => {
    const out = join(folder, 'model.safetensors')
    const some = ['--include', 'model.*', '--strip-prefix', 'model.', '--exclude', '*_queue', '--dtype', 'f16']
    const { code, stdout, stderr } = await voxgrad('convert', checkpoint, out, ...some)
    expect(code).toBe(0)
    expect(stdout).toContain('365 tensors')
    expect(stdout).toMatch(/^F16 {2}\[\] +temp$/m)
    expect(stderr).toContain('shared memory and were written separately')
    await using file = await openSafetensors(out)
    expect(file.header('temp')).toEqual({ dtype: 'F16', shape: [] })
  })

  it('reports as JSON, and renames', async () => {
    const out = join(folder, 'model.npz')
    const some = ['--include', 'model.temp', '--rename', 'temp=t', '--rename', 'model.=m/']
    const { code, stdout } = await voxgrad('convert', checkpoint, out, ...some, '--json')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      output: out,
      bytes: 4,
      tensors: [{ name: 'm/t', dtype: 'F32', shape: [] }],
    })
  })

  it('refuses hostile files in one line that names what they call', async () => {
    const hostile = join(root, 'test/golden/cases/torch-checkpoints/malicious-zip.pth')
    const { code, stderr } = await voxgrad('convert', hostile, join(folder, 'out.npz'))
    expect(code).toBe(1)
    expect(stderr.split('\n')).toHaveLength(1)
    expect(stderr).toContain('posix.system')
  })

  it('exits 2 on wrong usage', async () => {
    expect((await voxgrad('convert', checkpoint)).code).toBe(2)
    expect((await voxgrad('convert', checkpoint, 'out.npz', '--rename', 'x')).code).toBe(2)
    expect((await voxgrad('convert', checkpoint, 'out.npz', '--dtype', 'f8')).code).toBe(2)
  })
})

describe('voxgrad demo', () => {
  it('makes a scan, a picture and an embedding, and says that the weights are random', async () => {
    const out = join(folder, 'demo')
    const { code, stdout } = await voxgrad('demo', '--out', out)
    expect(code).toBe(0)
    expect(stdout).toContain('norm 1.0000')
    expect(stdout).toContain('random')
    expect((await readFile(join(out, 'chest-phantom.png'))).subarray(1, 4).toString()).toBe('PNG')
    expect((await stat(join(out, 'chest-phantom.nii.gz'))).size).toBeGreaterThan(10_000)
  })
})
