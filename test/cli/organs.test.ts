/** `voxgrad zeroshot --model fvlm` as a user runs it: processes of their own, on small random weights. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pairMasks } from '../../src/cli/masks.js'
import { makeChestPhantom, writeNifti } from '../../src/data/index.js'
import { hashPath, writeRandomWeights } from '../../src/inference/index.js'
import { writeTree } from '../data/datasets/layouts.js'
import { phantomOrgans, tinyFvlm } from '../support/fvlm.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-organs-'))
  await writeRandomWeights(join(folder, 'w.safetensors'), { model: 'fvlm', config: tinyFvlm, seed: 1 })
  await writeFile(join(folder, 'organs.json'), JSON.stringify(phantomOrgans))
  for (const part of ['study', 'masks']) await mkdir(join(folder, part))
  for (const [seed, name] of ['a', 'b', 'c'].entries()) await writeCase(name, seed)
})
afterAll(() => rm(folder, { recursive: true }))

async function writeCase(name: string, seed: number): Promise<void> {
  const { volume, labels } = makeChestPhantom({ seed, shape: [40, 36, 30], spacingMm: [4, 4, 5] })
  await writeNifti(join(folder, `study/${name}.nii.gz`), volume)
  await writeNifti(join(folder, `masks/${name}.nii`), labels)
}

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function voxgrad(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'bin/voxgrad.js'), ...args], { cwd: folder }, (error, stdout, stderr) => {
      const said = stderr.replace(/^Warning: maxDynamic.*\n/gm, '').trim()
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr: said })
    })
  })
}

const read = (path: string) => readFile(join(folder, path), 'utf8')
const model = ['--model', 'fvlm', '--weights', 'w.safetensors', '--mapping', 'organs.json']

describe('pairMasks', () => {
  it('finds masks by name, wherever they lie and whatever they end in', async () => {
    await writeTree(folder, {
      'm/deep/x.nii.gz': '',
      'm/y.nrrd': '',
      'm/z.txt': '',
      'twice/x.nii': '',
      'twice/1/x.mha': '',
    })
    const inside = (path: string) => join(folder, path)
    expect(await pairMasks(['s/x.nii', 't/y.mha', 's/z.nii.gz'], inside('m'))).toEqual([
      { scan: 's/x.nii', mask: inside('m/deep/x.nii.gz') },
      { scan: 't/y.mha', mask: inside('m/y.nrrd') },
      { scan: 's/z.nii.gz', mask: inside('m/z.nii.gz') },
    ])
    expect(await pairMasks(['s/x.nii'], inside('m/y.nrrd'))).toEqual([{ scan: 's/x.nii', mask: inside('m/y.nrrd') }])
    await expect(pairMasks(['x.nii', 'y.nii'], inside('m/y.nrrd'))).rejects.toThrow('there are 2 scans')
    await expect(pairMasks(['s/x.nii', 't/x.nii'], inside('m'))).rejects.toThrow("the name 'x'")
    await expect(pairMasks(['x.nii'], inside('twice'))).rejects.toThrow('name of another mask')
    await expect(pairMasks(['x.nii'], inside('nowhere'))).rejects.toThrow('no such mask')
  })
})

describe('voxgrad zeroshot --model fvlm', () => {
  it('makes a report with the organs outlined', async () => {
    const scan = 'study/a.nii.gz'
    const args = ['zeroshot', scan, ...model, '--mask', 'masks/a.nii', '--report', 'out.html']
    const { code, stdout, stderr } = await voxgrad(...args)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toMatch(/lung: Emphysema +0\.\d{4}/)
    expect(stdout).toMatch(/esophagus: Hiatal hernia +missing/)
    expect(stdout).toContain('does not show their organ: Hiatal hernia')
    expect(stdout).toContain('Research use only, not for diagnosis.')
    expect(stdout).toContain('random')
    const page = await read('out.html')
    expect(page.match(/data:image\/png;base64,/g)).toHaveLength(3)
    expect(page).toContain('The mask does not show the esophagus. Missing: Hiatal hernia.')
    expect(page.match(/class="finding"/g)).toHaveLength(15)
    expect(page).toContain('Research use only, not for diagnosis.')
    expect(page).not.toMatch(/(src|href)="(?!data:)/)
    const run = JSON.parse(await read('out/zeroshot/run.json'))
    expect(run).toMatchObject({
      ...{ command: 'zeroshot', finished: true, failures: [] },
      model: {
        name: 'fvlm',
        sha256: await hashPath(join(folder, 'w.safetensors')),
        preprocessing: { mapping: phantomOrgans },
      },
      inputs: [{ path: scan, mask: { path: 'masks/a.nii', sha256: await hashPath(join(folder, 'masks/a.nii')) } }],
      outputs: [join('out/zeroshot/results.jsonl'), 'out.html'],
    })
  })

  it("goes through folders, writes the authors' table, and looks again where a mask has changed", async () => {
    const args = ['zeroshot', 'study', ...model, '--mask', 'masks', '--out', 'many', '--csv', '--npy']
    await rm(join(folder, 'masks/b.nii'))
    const first = await voxgrad(...args)
    expect(first.code).toBe(3)
    expect(first.stderr).toContain(join('masks', 'b.nii.gz'))
    const [head, ...rows] = (await read('many/results.csv')).trim().split('\n')
    expect(head).toMatch(/^file_name,lung_Emphysema_Not Emphysema\._Emphysema\.,lung_Atelectasis_Not Atelectatic\._/)
    expect(rows.map((row) => row.split(',')[0])).toEqual(['a.nii.gz', 'c.nii.gz'])
    expect(rows[0]!.split(',')).toHaveLength(17)
    expect(rows[0]!.split(',')[15]).toBe('')
    await writeCase('b', 1)
    const { labels } = makeChestPhantom({ seed: 9, shape: [40, 36, 30], spacingMm: [4, 4, 5] })
    await writeNifti(join(folder, 'masks/c.nii'), labels)
    const second = await voxgrad(...args, '--resume', '--json')
    expect(second.code).toBe(0)
    const done = second.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(done.map(({ scan }) => scan)).toEqual(['study/b.nii.gz', 'study/c.nii.gz'])
    expect(done[0]).toMatchObject({
      ...{
        notice: 'Research use only, not for diagnosis.',
        missing: ['Hiatal hernia'],
        absentAnatomies: ['esophagus'],
      },
      mask: { path: join('masks', 'b.nii') },
    })
    expect(done[0].findings[14]).toEqual({
      ...{ finding: 'Hiatal hernia', anatomy: 'esophagus', probability: null },
      prompts: { positive: 'Hiatal hernia.', negative: 'Not Hiatal hernia.' },
    })
  })

  it('says how to make a mask, and which options are of another model', async () => {
    const none = await voxgrad('zeroshot', 'study/a.nii.gz', ...model)
    expect(none.code).toBe(1)
    expect(none.stderr).toMatch(/study\/a\.nii\.gz: .*TotalSegmentator -i scan\.nii\.gz.*--mask.*--mapping/)
    const foreign = await voxgrad('zeroshot', 'study/a.nii.gz', ...model, '--mask', 'masks', '--prompts', 'short')
    expect(foreign.code).toBe(1)
    expect(foreign.stderr).toContain('--prompts is an option of colipri, not of fvlm')
    const strange = await voxgrad('zeroshot', 'study/a.nii.gz', ...model, '--mask', 'masks', '--findings', 'Gout')
    expect(strange.stderr).toContain('lung:Cavitation')
  })
})
