/** The commands over scans as a user runs them: processes of their own, on small random weights. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listScans } from '../../src/cli/scan-list.js'
import { ctRateFindings, makeChestPhantom, readNpy, readVolume, writeNifti, writeNpz } from '../../src/data/index.js'
import { hashPath, writeRandomWeights } from '../../src/inference/index.js'
import { probePoolings } from '../../src/train/index.js'
import { ctRateLabelRow, writeTree } from '../data/datasets/layouts.js'
import { ctSlice, type DicomItem } from '../data/dicom-bytes.js'
import { tinyConfig } from '../support/colipri.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

let folder = ''
const scans = ['study/a.nii.gz', 'study/b.nii.gz', 'study/deep/c.nii.gz']

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-scans-'))
  await writeRandomWeights(join(folder, 'w.safetensors'), { config: tinyConfig, seed: 1 })
  await writeRandomWeights(join(folder, 'other.safetensors'), { config: tinyConfig, seed: 2 })
  await mkdir(join(folder, 'study/deep'), { recursive: true })
  for (const [seed, path] of scans.entries()) await writePhantom(path, seed)
})

afterAll(() => rm(folder, { recursive: true }))

async function writePhantom(path: string, seed: number): Promise<void> {
  await mkdir(join(folder, path, '..'), { recursive: true })
  await writeNifti(join(folder, path), makeChestPhantom({ seed, shape: [40, 36, 30], spacingMm: [9, 9, 10] }).volume)
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
const weights = ['--weights', 'w.safetensors']

describe('listScans', () => {
  it('finds scans by file, folder and pattern, each once', async () => {
    const slice = `${'\0'.repeat(128)}DICM`
    await writeTree(folder, {
      'dicom/1.2.3': slice,
      'dicom/notes/LICENCE': 'x',
      'empty/LICENCE': 'x',
      'empty/x.txt': 'x',
    })
    const inside = (path: string) => join(folder, path)
    const all = scans.map(inside)
    expect(await listScans([inside('study')])).toEqual(all)
    expect(await listScans([inside('study/**/*.nii.gz'), all[0]!])).toEqual(all)
    expect(await listScans([inside('study/[ab].nii.gz')])).toEqual(all.slice(0, 2))
    expect(await listScans([inside('st?dy/*.gz')])).toEqual(all.slice(0, 2))
    expect(await listScans([inside('dicom')])).toEqual([inside('dicom')])
    expect(await listScans([inside('not there.nii')])).toEqual([inside('not there.nii')])
    await expect(listScans([inside('empty')])).rejects.toThrow('holds no scans')
    await expect(listScans([inside('*.mha')])).rejects.toThrow('matches no file')
  })
})

describe('voxgrad zeroshot', () => {
  it('makes a report from weights that voxgrad random-weights made', async () => {
    const made = await voxgrad('random-weights', 'tiny.safetensors')
    expect(made.code).toBe(0)
    const findings = ['--findings', 'Lung nodule,<b>Pleural</b> effusion']
    const model = ['--model', 'colipri', '--weights', 'tiny.safetensors']
    const { code, stdout, stderr } = await voxgrad('zeroshot', scans[0]!, ...model, ...findings, '--report', 'out.html')
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toMatch(/Lung nodule +0\.\d{4}/)
    expect(stdout).toContain('Research use only, not for diagnosis.')
    expect(stdout).toContain('random')
    const page = await read('out.html')
    expect(page.match(/data:image\/png;base64,/g)).toHaveLength(3)
    expect(page).toContain('Research use only, not for diagnosis.')
    expect(page).toContain('&lt;b&gt;Pleural')
    expect(page).not.toContain('<b>')
    expect(page).not.toMatch(/(src|href)="(?!data:)/)
    const run = JSON.parse(await read('out/zeroshot/run.json'))
    expect(run).toMatchObject({
      ...{ command: 'zeroshot', finished: true, failures: [], package: { name: 'voxgrad' } },
      model: { name: 'colipri', sha256: await hashPath(join(folder, 'tiny.safetensors')), dtype: 'f32' },
      inputs: [{ path: scans[0], sha256: await hashPath(join(folder, scans[0]!)) }],
      outputs: [join('out/zeroshot/results.jsonl'), 'out.html'],
    })
    expect(Object.keys(run.timesMs)).toEqual(expect.arrayContaining(['load model', 'read and preprocess', 'encode']))
    expect(run.device.description).not.toBe('')
  })
})

describe('voxgrad embed', () => {
  it('goes through a folder, reports what is broken, and goes on where it was', async () => {
    await writeFile(join(folder, 'study/broken.nii.gz'), 'no scan')
    const args = ['embed', 'study', ...weights, '--out', 'embedded', '--csv', '--npy']
    const first = await voxgrad(...args)
    expect(first.code).toBe(3)
    expect(first.stderr.split('\n').filter((line) => line.startsWith('voxgrad: '))).toEqual([
      expect.stringContaining('study/broken.nii.gz'),
    ])
    expect(first.stderr).toMatch(/^4\/4 study\/deep\/c\.nii\.gz$/m)
    const matrix = await readNpy(join(folder, 'embedded/results.npy'))
    expect(matrix.shape).toEqual([3, 32])
    const [head, ...rows] = (await read('embedded/results.csv')).trim().split('\r\n')
    expect(head).toMatch(/^scan,sha256,e0,.*,e31,notice$/)
    expect(rows.map((row) => row.split(',')[0])).toEqual(scans)
    const lines = (await read('embedded/results.jsonl')).trim().split('\n')
    // The last line cut short, as by a crash, and one scan mended: these two are done, the others are not.
    await writeFile(
      join(folder, 'embedded/results.jsonl'),
      `${lines.slice(0, 2).join('\n')}\n${lines[2]!.slice(0, 50)}`,
    )
    await writePhantom('study/broken.nii.gz', 7)
    const second = await voxgrad(...args, '--resume', '--json')
    expect(second.code).toBe(0)
    const done = second.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(done.map(({ scan }) => scan).sort()).toEqual(['study/broken.nii.gz', 'study/deep/c.nii.gz'])
    expect(done[0]).toMatchObject({
      notice: 'Research use only, not for diagnosis.',
      note: expect.stringContaining('random'),
    })
    expect((await readNpy(join(folder, 'embedded/results.npy'))).shape).toEqual([4, 32])
    const kept = (await read('embedded/results.jsonl')).trim().split('\n')
    expect(kept.slice(0, 2)).toEqual(lines.slice(0, 2))
    const other = await voxgrad('embed', 'study', '--weights', 'other.safetensors', '--out', 'embedded', '--resume')
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('results of another model')
  })
})

describe('a DICOM series that is no plain volume', () => {
  it('is refused with the option that takes it all the same', async () => {
    const other: DicomItem = { '0020000e': ['UI', '1.2.3.5'] }
    const slice = (n: number, series: DicomItem = {}) =>
      ctSlice(n, { '00280030': ['DS', '8\\8'], '00200032': ['DS', `0\\0\\${8 * n}`], ...series })
    const slices = { a: slice(0), b: slice(1), c: slice(3), d: slice(0, other), e: slice(1, other) }
    await mkdir(join(folder, 'slices'), { recursive: true })
    for (const [name, bytes] of Object.entries(slices)) await writeFile(join(folder, 'slices', name), bytes)
    const embed = (...choices: string[]) =>
      voxgrad('embed', ...choices, 'slices', ...weights, '--out', 'chosen', '--json')
    const several = await embed()
    expect([several.code, several.stdout]).toEqual([1, ''])
    expect(several.stderr).toMatch(/--series.*1\.2\.3\.4 .*1\.2\.3\.5 /)
    const gap = await embed('--series', '1.2.3.4')
    expect([gap.code, gap.stdout]).toEqual([1, ''])
    expect(gap.stderr).toContain('--accept gap')
    const taken = await embed('--series', '1.2.3.4', '--accept', 'gap')
    expect(taken.code).toBe(0)
    expect(JSON.parse(taken.stdout)).toMatchObject({ scan: 'slices' })
    const record = JSON.parse(await read('chosen/run.json'))
    expect(record.configuration).toEqual({ reading: { series: '1.2.3.4', accept: ['gap'] } })
    expect((await embed('--series', '1.2.3.5', '--resume')).stderr).toContain('of other options')
    const wrong = await embed('--accept', 'gap,hole')
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('duplicate, tilt')])
  })
})

describe('voxgrad similarity and map', () => {
  it('compare with texts, as numbers and over the scan', async () => {
    const texts = ['--text', 'pleural effusion', '--text', 'nodule']
    const compared = await voxgrad('similarity', scans[0]!, ...weights, ...texts, '--json')
    expect(compared.code).toBe(0)
    const { similarities, notice } = JSON.parse(compared.stdout)
    expect(notice).toContain('not for diagnosis')
    expect(similarities.map(({ text }: { text: string }) => text)).toEqual(['pleural effusion', 'nodule'])
    const mapped = await voxgrad('map', scans[0]!, ...weights, ...texts, '--json', '--out', 'maps')
    expect(mapped.code).toBe(0)
    const [first] = JSON.parse(mapped.stdout).maps
    const [map, scan] = [await readVolume(join(folder, first.file)), await readVolume(join(folder, scans[0]!))]
    expect(map.shape).toEqual(scan.shape)
    for (const [n, value] of map.affine.entries()) expect(value).toBeCloseTo(scan.affine[n]!, 4)
    expect(map.source!.description).toBe('Research use only, not for diagnosis. pleural effusion')
    expect((await voxgrad('map', scans[0]!, ...weights)).code).toBe(2)
  })
})

describe('voxgrad index and search', () => {
  it('find a scan by itself and by words, and refuse another model', async () => {
    expect((await voxgrad('index', ...scans, ...weights, '--store', 'store')).code).toBe(0)
    const byScan = await voxgrad(
      'search',
      '--store',
      'store',
      '--volume',
      scans[1]!,
      ...weights,
      '--json',
      '--count',
      '2',
    )
    expect(byScan.code).toBe(0)
    const { found } = JSON.parse(byScan.stdout)
    expect(found).toHaveLength(2)
    expect(found[0]).toMatchObject({ id: scans[1], metadata: { scan: scans[1] } })
    expect(found[0].score).toBeCloseTo(1, 5)
    const byText = await voxgrad('search', '--store', 'store', '--text', 'nodule', ...weights)
    expect(byText.code).toBe(0)
    expect(byText.stdout.match(/study\//g)).toHaveLength(3)
    const refused = await voxgrad('search', '--store', 'store', '--text', 'nodule', '--weights', 'other.safetensors')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('vectors of two models cannot be compared')
    expect((await voxgrad('search', '--store', 'store', ...weights)).code).toBe(2)
  })
})

describe('voxgrad evaluate', () => {
  const volumes = ['valid_1_a_1', 'valid_1_a_2', 'valid_2_a_1', 'valid_3_a_1']

  beforeAll(async () => {
    await writeTree(folder, {
      'ct/dataset/radiology_text_reports/validation_reports.csv': [
        'VolumeName,ClinicalInformation_EN,Technique_EN,Findings_EN,Impressions_EN',
        ...volumes.map(
          (name) => `${name}.nii.gz,,,${name === 'valid_3_a_1' ? 'A nodule.' : `Findings of ${name.slice(0, 9)}.`},`,
        ),
      ],
      'ct/dataset/multi_abnormality_labels/valid_predicted_labels.csv': [
        `VolumeName,${ctRateFindings.join(',')}`,
        ...volumes.map((name, n) => ctRateLabelRow(`${name}.nii.gz`, ...(n > 2 ? ['Lung nodule'] : []))),
      ],
      'ct/dataset/metadata/validation_metadata.csv': [
        'VolumeName,XYSpacing,ZSpacing',
        ...volumes.map((name, n) => `${name}.nii.gz,"[${0.9 - 0.1 * n}, ${0.9 - 0.1 * n}]",1`),
      ],
    })
    for (const [seed, name] of volumes.entries()) {
      await writePhantom(`ct/dataset/valid_fixed/${name.slice(0, 7)}/${name.slice(0, 9)}/${name}.nii.gz`, seed)
    }
  })

  it('classifies the validation split of CT-RATE, one reconstruction a study', async () => {
    const args = ['evaluate', 'ct', '--dataset', 'ct-rate', ...weights, '--replicates', '50']
    const { code, stdout } = await voxgrad(...args, '--json')
    expect(code).toBe(0)
    const result = JSON.parse(stdout)
    expect(result).toMatchObject({ studies: 3, patients: 3, protocol: 'zeroshot', dataset: 'ct-rate' })
    expect(Object.keys(result.findings)).toHaveLength(18)
    expect(result.findings['Lung nodule']).toMatchObject({ positives: 1, studies: 3 })
    expect(result.findings['Lung nodule'].auroc.estimate).toBeGreaterThanOrEqual(0)
    expect(result.notice).toContain('not for diagnosis')
    expect(JSON.parse(await read('out/evaluate/run.json')).inputs.map(({ path }: { path: string }) => path)).toEqual([
      expect.stringContaining('valid_1_a_2'),
      expect.stringContaining('valid_2_a_1'),
      expect.stringContaining('valid_3_a_1'),
    ])
  })

  it('retrieves reports by scans and scans by reports', async () => {
    const args = ['evaluate', 'ct', '--dataset', 'ct-rate', '--protocol', 'retrieval', ...weights, '--out', 'retrieved']
    const { code, stdout } = await voxgrad(...args)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^imageToText: R@1 .*R@5 1\.0000.*MRR/m)
    expect(stdout).toMatch(/^textToImage: /m)
  })

  it('probes RAD-ChestCT with a linear layer for each pooling', async () => {
    const names = ['trn00001', 'trn00002', 'val00001', 'tst00001', 'tst00002']
    const labels = [
      ...['catheter_or_port', 'tracheal_tube', 'chest_tube', 'breast_implant', 'pacemaker_or_defib', 'stent', 'clip'],
      ...['staple', 'gi_tube', 'hardware', 'suture', 'calcification', 'cardiomegaly', 'pericardial_effusion', 'hernia'],
      ...['lymphadenopathy', 'emphysema', 'atelectasis', 'nodule', 'nodulegr1cm', 'opacity', 'scarring'],
      ...['pleural_effusion', 'bronchial_wall_thickening', 'consolidation', 'bronchiectasis', 'septal_thickening'],
    ]
    const table = (prefix: string) => [
      ['NoteAcc_DEID', ...labels.map((label) => `${label}*other`)].join(','),
      ...names
        .filter((name) => name.startsWith(prefix))
        .map((name, n) => [name, ...labels.map((_, k) => (k + n) % 2)].join(',')),
    ]
    await writeTree(folder, {
      'rad/imgtrain_Abnormality_and_Location_Labels.csv': table('trn'),
      'rad/imgvalid_Abnormality_and_Location_Labels.csv': table('val'),
      'rad/imgtest_Abnormality_and_Location_Labels.csv': table('tst'),
    })
    for (const [n, name] of names.entries()) {
      const data = Int16Array.from({ length: 24 * 20 * 22 }, (_, i) => ((i * (n + 3)) % 1400) - 1000)
      const ct = { dtype: 'I16' as const, shape: [24, 20, 22], data }
      await writeNpz(join(folder, `rad/${name}.npz`), new Map([['ct', ct]]), async () => ct)
    }
    const args = ['--dataset', 'rad-chestct', '--protocol', 'probe', ...weights, '--steps', '4', '--out', 'probed']
    const { code, stdout, stderr } = await voxgrad('evaluate', 'rad', ...args, '--json')
    expect(stderr).not.toContain('voxgrad:')
    expect(code).toBe(0)
    const result = JSON.parse(stdout)
    expect(result.studies).toEqual({ train: 2, validation: 1, test: 2 })
    expect(Object.keys(result.poolings)).toEqual([...probePoolings])
    for (const { auroc } of Object.values(result.poolings) as { auroc: number }[]) expect(auroc).toBeLessThanOrEqual(1)
    const zeroShot = await voxgrad(
      'evaluate',
      'rad',
      '--dataset',
      'rad-chestct',
      ...weights,
      '--json',
      '--out',
      'rated',
    )
    expect(zeroShot.code).toBe(0)
    expect(Object.keys(JSON.parse(zeroShot.stdout).findings)).toHaveLength(16)
  })
})
