/** `voxgrad segment` as a user runs it: a process of its own, random weights, and the phantom. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  makeChestPhantom,
  readVolume,
  type SafetensorsTensor,
  type Volume,
  writeNifti,
  writeSafetensors,
} from '../../src/data/index.js'
import { mergingMetadata, type SwinConfig, VelvetSegmenter } from '../../src/models/index.js'
import { testDevice } from '../support/device.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const device = await testDevice()
const classes = 3
const vision: SwinConfig = {
  inChannels: 1,
  features: 4,
  depths: [1, 1, 1, 1],
  heads: [1, 1, 2, 2],
  window: 7,
  patch: 2,
  mlpRatio: 2,
  merging: 'fixed',
}

let folder = ''
let scan: Volume

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-segment-'))
  scan = makeChestPhantom({ seed: 5, shape: [24, 22, 20], spacingMm: [5, 4, 6] }).volume
  await writeNifti(join(folder, 'scan.nii.gz'), scan)
  using model = new VelvetSegmenter(device, { config: { vision, classes } }).initialize(7)
  const tensors = await Promise.all(
    [...model.parameters.parameters].map(async ([name, parameter]): Promise<[string, SafetensorsTensor]> => {
      const { shape } = parameter.declaration
      const data = Float32Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        (_, n) => Math.sin(n + name.length) / 3,
      )
      return [`segmenter.${name}`, { dtype: 'F32', shape: [...shape], data }]
    }),
  )
  await writeSafetensors(join(folder, 'weights.safetensors'), Object.fromEntries(tensors), mergingMetadata(vision))
  const wrong = tensors.filter(([name]) => !/encoder2|decoder4/.test(name))
  const extra: [string, SafetensorsTensor] = [
    'segmenter.unknown.weight',
    { dtype: 'F32', shape: [1], data: new Float32Array(1) },
  ]
  await writeSafetensors(join(folder, 'wrong.safetensors'), Object.fromEntries([...wrong, extra]))
})

afterAll(() => rm(folder, { recursive: true }))

function segment(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const all = [join(root, 'bin/voxgrad.js'), 'segment', 'scan.nii.gz', '--window', '64', ...args]
  return new Promise((resolve) => {
    execFile(process.execPath, all, { cwd: folder }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}

describe('voxgrad segment', () => {
  it.each([
    ['uniform', '0.25'],
    ['gaussian', '0.5'],
  ])('labels a scan in its own grid, with %s blending', async (blending, overlap) => {
    const out = `${blending}.nii.gz`
    const options = ['--weights', 'weights.safetensors', '--out', out, '--blending', blending, '--overlap', overlap]
    const { code, stdout, stderr } = await segment(...options)
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/\d+ of \d+ windows/)
    expect(stdout).toContain(`${scan.shape.join(' x ')} voxels, ${classes} classes`)
    const labels = await readVolume(join(folder, out))
    expect(labels.shape).toEqual(scan.shape)
    expect(labels.affine.map((x) => Math.fround(x))).toEqual(scan.affine.map((x) => Math.fround(x)))
    const found = new Set(labels.data as Iterable<number>)
    expect([...found].every((label) => Number.isInteger(label) && label >= 0 && label < classes)).toBe(true)
    expect(found.size).toBeGreaterThan(1)
  })

  it('lists every tensor that does not fit', async () => {
    const { code, stderr } = await segment('--weights', 'wrong.safetensors', '--out', 'x.nii.gz')
    expect(code).toBe(1)
    const missing = [
      'encoder2.layer.conv1',
      'encoder2.layer.conv2',
      ...[1, 2, 3].map((i) => `decoder4.conv_block.conv${i}`),
    ]
    for (const name of missing) expect(stderr).toContain(`${name}.conv.weight`)
    expect(stderr).toContain('decoder4.transp_conv.conv.weight')
    expect(stderr).toContain('1 extra: unknown.weight')
  })

  it('says that nothing was loaded by the rule of another origin', async () => {
    const { code, stderr } = await segment('--weights', 'scan.nii.gz', '--out', 'x.nii.gz')
    expect(code).toBe(1)
    expect(stderr).toContain('voxgrad: ')
    const other = await segment('--weights', 'weights.safetensors', '--layout', 'monai', '--out', 'x.nii.gz')
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('has no out.conv.conv.weight')
  })

  it('refuses a patch merging that the file contradicts', async () => {
    const { code, stderr } = await segment(
      '--weights',
      'weights.safetensors',
      '--merging',
      'legacy',
      '--out',
      'x.nii.gz',
    )
    expect(code).toBe(1)
    expect(stderr).toContain("trained with patch merging 'fixed', and the model has 'legacy'")
  })
})
