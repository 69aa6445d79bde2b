/** `voxgrad fvlm` as a user runs it. */
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { composeCaptions, parseDecomposition } from '../../src/data/index.js'
import { fvlmFindings, promptPair, zeroShotCsv } from '../../src/models/index.js'
import { writeTree } from '../data/datasets/layouts.js'
import { type ChatRequest, ChatServer } from '../support/chat-server.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const organs = ['lung', 'heart', 'esophagus', 'aorta']

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-fvlm-cli-'))
  await writeTree(folder, {
    'reports.csv': [
      'VolumeName,Findings_EN,Impressions_EN',
      'train_1_a_1.nii.gz,The lungs are clear. Heart is normal.,Clear lungs.',
      'train_2_a_1.nii.gz,No pericardial effusion. Aorta is wide.,Ectatic aorta.',
      'train_3_a_1.nii.gz,Bones are intact.,',
    ],
  })
})
afterAll(() => rm(folder, { recursive: true }))

interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function voxgrad(args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  const options = { cwd: folder, env: { ...process.env, ...env } }
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'bin/voxgrad.js'), 'fvlm', ...args], options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}

const read = (path: string) => readFile(join(folder, path), 'utf8')

async function captionsOf(out: string, scan: string) {
  const findings = parseDecomposition(await read(`${out}/desc_info.json`))
  const impression = parseDecomposition(await read(`${out}/conc_info.json`))
  return composeCaptions(scan, organs, { findings, impression })
}

describe('voxgrad fvlm decompose', () => {
  it('works by rules, says that it does, and makes files that captions are composed from', async () => {
    const { code, stdout } = await voxgrad(['decompose', 'reports.csv', '--offline', '--out', 'rules'])
    expect(code).toBe(0)
    expect(stdout).toContain('by rules, not by a language model')
    expect(JSON.parse(await read('rules/desc_info.json'))).toEqual({
      train_1_a: {
        ...{
          Findings: 'The lungs are clear. Heart is normal.',
          lung: 'The lungs are clear.',
          heart: 'Heart is normal.',
        },
      },
      train_2_a: {
        ...{
          Findings: 'No pericardial effusion. Aorta is wide.',
          heart: 'No pericardial effusion.',
          aorta: 'Aorta is wide.',
        },
      },
      train_3_a: { Findings: 'Bones are intact.' },
    })
    const { lung, heart } = await captionsOf('rules', 'train_1_a')
    expect(lung).toMatchObject({ caption: 'Clear lungs.The lungs are clear.', abnormal: true })
    expect(heart).toMatchObject({ abnormal: false, encoded: 'Heart is normal.' })
    expect(JSON.parse(await read('rules/decompose.json'))).toMatchObject({ method: 'rules', reports: 3, failures: [] })
  })

  it('goes on where an endpoint left it, and asks again only for what is missing', async () => {
    const answer = ({ body }: ChatRequest) => {
      const asked = JSON.parse(/Anatomies: (.*)/.exec(body.messages[1]!.content)![1]!) as string[]
      const aorta = body.messages[1]!.content.includes('Aorta') || body.messages[1]!.content.includes('aorta')
      const texts = asked.map((organ) => [organ, organ === 'aorta' && aorta ? 'Wide.' : null])
      return { content: JSON.stringify(Object.fromEntries(texts)) }
    }
    await using server = await ChatServer.start([], (request) =>
      request.body.messages[1]!.content.includes('Bones') && server.requests.length < 12 ? 500 : answer(request),
    )
    const args = ['decompose', 'reports.csv', '--endpoint', server.url, '--api-model', 'm', '--out', 'asked']
    const more = ['--retry-delay', '0', '--retries', '1', '--parallel', '1', '--api-key-env', 'OWN_KEY']
    const key = { OWN_KEY: 'very secret' }
    const first = await voxgrad([...args, ...more], key)
    expect(first.code).toBe(3)
    expect(first.stderr).toMatch(/train_3_a: .*status 500/)
    expect(first.stdout).toContain('tried again with --resume: train_3_a')
    expect(server.requests[0]!.authorization).toBe('Bearer very secret')
    const before = server.requests.length
    while (server.requests.length < 12) server.requests.push(server.requests[0]!)
    const second = await voxgrad([...args, ...more, '--resume'], key)
    expect(second.code).toBe(0)
    expect(before).toBeLessThan(12)
    expect(server.requests).toHaveLength(13)
    expect(Object.keys(JSON.parse(await read('asked/conc_info.json')))).toEqual(['train_1_a', 'train_2_a', 'train_3_a'])
    expect((await captionsOf('asked', 'train_2_a')).aorta).toMatchObject({ caption: 'Wide.Wide.', abnormal: true })
    const files = ['decompose.json', 'decomposition.jsonl', 'desc_info.json', 'conc_info.json']
    for (const file of files) expect(await read(`asked/${file}`)).not.toContain('secret')
    const other = await voxgrad(['decompose', 'reports.csv', '--offline', '--out', 'asked', '--resume'])
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('made with another model')
  })

  it('ends at once with a wrong key, and without an endpoint', async () => {
    await using server = await ChatServer.start([], 401)
    const args = ['decompose', 'reports.csv', '--endpoint', server.url, '--api-model', 'm', '--out', 'refused']
    const refused = await voxgrad([...args, '--parallel', '1'])
    expect(refused.code).toBe(1)
    expect(refused.stderr).toMatch(/status 401.*environment variable/)
    expect(server.requests).toHaveLength(1)
    expect((await voxgrad([...args, '--api-key-env', 'NOT_SET_ANYWHERE'])).stderr).toContain(
      'NOT_SET_ANYWHERE is not set',
    )
    expect((await voxgrad(['decompose', 'reports.csv'])).stderr).toContain('--offline')
  })
})

describe('voxgrad fvlm score', () => {
  const names = Array.from({ length: 40 }, (_, n) => `valid_${1 + (n >> 1)}_a_${1 + (n % 2)}.nii.gz`)
  const positive = (scan: number, finding: number) => ((scan >> 1) + finding) % 3 === 0

  beforeAll(async () => {
    const labels = fvlmFindings.map(({ label }) => label)
    const scored = names.map((fileName, scan) => ({
      fileName,
      result: {
        findings: fvlmFindings.map((finding, n) => ({
          ...finding,
          // The first is told apart without an error, the others worse and worse; one cell is missing.
          probability:
            scan === 5 && n === 3 ? undefined : (positive(scan, n) ? 0.6 : 0.4) + (n / 40) * Math.sin(7 * scan + n),
        })),
      },
    }))
    const row = (name: string, scan: number) => [name, ...labels.map((_, n) => Number(positive(scan, n)))].join(',')
    await writeTree(folder, {
      'predictions.csv': [zeroShotCsv(scored).trimEnd()],
      'labels.csv': [`VolumeName,${labels.join(',')}`, ...names.map(row), row('valid_99_a_1.nii.gz', 0)],
    })
  })

  it('scores with thresholds of the data itself and of other patients', async () => {
    const { code, stdout } = await voxgrad(['score', 'predictions.csv', '--labels', 'labels.csv'])
    expect(code).toBe(0)
    expect(stdout).toContain('40 scans, 1 missing probabilities')
    expect(stdout).toMatch(/^Emphysema +1\.0000 +1\.0000 +1\.0000 +1\.0000 +1\.0000 +1\.0000/m)
    expect(stdout).toContain('Research use only, not for diagnosis.')
    const json = JSON.parse((await voxgrad(['score', 'predictions.csv', '--labels', 'labels.csv', '--json'])).stdout)
    const { published, otherPatients } = json.means
    expect(published.auroc).toBeGreaterThan(0.7)
    expect(published.accuracy).toBeGreaterThan(otherPatients.accuracy)
    expect(json.findings.Emphysema).toMatchObject({ auroc: 1, positives: 14, items: 40 })
  })

  it('refuses tables that are something else', async () => {
    await writeTree(folder, {
      'few.csv': ['file_name,lung_Emphysema_a_b', 'valid_1_a_1.nii.gz,0.5'],
      'strange.csv': [
        ['file_name', ...fvlmFindings.map((f) => [f.anatomy, f.label, ...promptPair(f)].join('_'))].join(','),
        ['valid_1_a_1.nii.gz', ...fvlmFindings.map(() => 1.5)].join(','),
      ],
    })
    const score = (file: string) => voxgrad(['score', file, '--labels', 'labels.csv'])
    expect((await score('few.csv')).stderr).toContain('no column for lung, Atelectasis')
    expect((await score('strange.csv')).stderr).toContain("'1.5', which is no probability")
  })
})
