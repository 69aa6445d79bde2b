import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  anatomyGroups,
  askChat,
  type ChatEndpoint,
  decomposeByChat,
  decomposeByRules,
  EndpointError,
  mentions,
  readAnswer,
  readRawReports,
} from '../../../src/data/index.js'
import { ChatServer } from '../../support/chat-server.js'
import { writeTree } from '../datasets/layouts.js'

const organs = ['lung', 'heart', 'esophagus', 'aorta']

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxgrad-reports-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('reading raw reports', () => {
  it("takes CT-RATE's table, one report for all reconstructions", async () => {
    await writeTree(folder, {
      'reports.csv': [
        'VolumeName,ClinicalInformation_EN,Technique_EN,Findings_EN,Impressions_EN',
        'train_1_a_1.nii.gz,,,Heart is normal.,"Nothing, really."',
        'train_1_a_2.nii.gz,,,Heart is normal.,"Nothing, really."',
        'other.nii,,,Aorta is wide.,',
      ],
    })
    expect(await readRawReports(join(folder, 'reports.csv'))).toEqual([
      { scan: 'train_1_a', findings: 'Heart is normal.', impression: 'Nothing, really.' },
      { scan: 'other', findings: 'Aorta is wide.', impression: '' },
    ])
  })

  it('takes texts with and without headings', async () => {
    await writeTree(folder, {
      'texts/a.txt': ['Dr. X', 'FINDINGS: Clear lungs.', 'IMPRESSION: Normal.'],
      'texts/b.txt': ['Clear lungs.'],
      'texts/c.md': ['no report'],
    })
    expect(await readRawReports(join(folder, 'texts'))).toEqual([
      { scan: 'a', findings: 'Clear lungs.', impression: 'Normal.' },
      { scan: 'b', findings: 'Clear lungs.', impression: '' },
    ])
  })

  it('refuses contradictions and nothing at all', async () => {
    const row = 'VolumeName,Findings_EN,Impressions_EN'
    await writeTree(folder, { 'two.csv': [row, 'train_1_a_1,x,', 'train_1_a_2,y,'], 'none.csv': [row] })
    await expect(readRawReports(join(folder, 'two.csv'))).rejects.toThrow('two different reports of train_1_a')
    await expect(readRawReports(join(folder, 'none.csv'))).rejects.toThrow('holds no reports')
  })
})

describe('decomposition by rules', () => {
  it('gives whole sentences, with their negations, to every organ that they name', () => {
    const section =
      'Trachea is open. No pleural effusion.\nThe pulmonary artery is 29.5 mm wide. Heart and aorta are normal. ' +
      'There is a hiatal hernia. Liver is fatty.'
    expect(decomposeByRules(section, organs)).toEqual({
      lung: 'No pleural effusion.',
      heart: 'Heart and aorta are normal.',
      esophagus: 'There is a hiatal hernia.',
      aorta: 'Heart and aorta are normal.',
    })
    expect(decomposeByRules('Bones are intact.', organs)).toEqual({})
  })

  it('knows words, not letters in a row', () => {
    expect(mentions('Peribronchial thickening', 'lung')).toBe(true)
    expect(mentions('Bilateral lungs', 'lung')).toBe(true)
    expect(mentions('plunging', 'lung')).toBe(false)
    expect(mentions('gall bladder stones', 'bladder')).toBe(false)
    expect(mentions('jejunal loops', 'small bowel')).toBe(true)
    expect(mentions('atheromatous plaques', 'aorta')).toBe(true)
    expect(mentions('a thyroid nodule-like', 'thyroid')).toBe(true)
    for (const { anatomy } of anatomyGroups) expect(mentions(anatomyExample(anatomy), anatomy), anatomy).toBe(true)
  })

  it('makes nothing up: every text consists of sentences of the section', () => {
    const sentences = ['The lungs are clear.', 'No cardiomegaly.', 'Bones: intact.', 'Aortic wall is 3.5 mm.', 'Fine.']
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...sentences), { maxLength: 8 }), (own) => {
        for (const text of Object.values(decomposeByRules(own.join(' '), organs))) {
          expect(text.split(/(?<=[a-z]\.) /).every((sentence) => own.includes(sentence))).toBe(true)
        }
      }),
    )
  })
})

/** The names that reports use where the group's own is another. */
const anatomyExample = (anatomy: string): string =>
  ({ 'large bowel': 'colon', 'portal and splenic vein': 'portal vein', gluteus: 'gluteal muscles' })[anatomy] ??
  (anatomy.endsWith('vertebrae') ? anatomy : `the ${anatomy}`)

describe('answers', () => {
  const section = 'Nodule of 4 mm in the lung.'

  it('are JSON of exactly the anatomies, also in a fence', () => {
    const answer = '```json\n{"lung": "Nodule of 4 mm.", "heart": null}\n```'
    expect(readAnswer(answer, section, ['lung', 'heart'])).toEqual({ lung: 'Nodule of 4 mm.' })
    expect(readAnswer('{"lung": " ", "heart": null}', section, ['lung', 'heart'])).toEqual({})
    for (const [wrong, why] of [
      ['the lung has a nodule', /not JSON/],
      ['{"lung": "x", "heart": null, "liver": "x"}', /liver/],
      ['{"lung": "x"}', /heart/],
      ['{"lung": ["x"], "heart": null}', /lung/],
      ['{"lung": null, "lung": "x", "heart": null}', /twice/],
      ['{"lung": "Nodule of 6 mm.", "heart": null}', /number 6/],
    ] as const) {
      expect(() => readAnswer(wrong, section, ['lung', 'heart']), wrong).toThrow(why)
    }
  })
})

describe('an endpoint that misbehaves', () => {
  const good = '{"lung": "Clear.", "heart": null}'
  const endpointOf = (server: ChatServer): ChatEndpoint => ({
    ...{ url: server.url, model: 'm', apiKey: 'secret', retries: 4, retryDelayMs: 1 },
  })

  it('is asked again after refusals, crashes, dropped connections and nonsense', async () => {
    await using server = await ChatServer.start([429, 500, 'drop', 'nonsense', { content: good }])
    expect(await decomposeByChat(endpointOf(server), 'Clear.', ['lung', 'heart'])).toEqual({
      ...{ texts: { lung: 'Clear.' }, disputed: [] },
    })
    expect(server.requests).toHaveLength(5)
    expect(server.requests[4]).toMatchObject({ authorization: 'Bearer secret', body: { model: 'm', temperature: 0 } })
  })

  it('is told what was wrong with its answer, and given up in the end', async () => {
    await using server = await ChatServer.start([{ content: '{"spleen": "x"}' }, { content: good }])
    await decomposeByChat(endpointOf(server), 'Clear.', ['lung', 'heart'])
    const { messages } = server.requests[1]!.body as { messages: { content: string }[] }
    expect(messages.at(-1)!.content).toMatch(/cannot be used.*spleen/)
    await using broken = await ChatServer.start([], { content: '{"lung": ' })
    await expect(decomposeByChat(endpointOf(broken), 'Clear.', ['lung'])).rejects.toThrow(/3 attempts.*not JSON/)
    expect(broken.requests).toHaveLength(3)
  })

  it('is asked once more for anatomies that the section has words of', async () => {
    await using server = await ChatServer.start([
      { content: '{"lung": null, "heart": null, "aorta": null}' },
      { content: '{"lung": "Lungs are clear.", "aorta": null}' },
    ])
    const asked = await decomposeByChat(endpointOf(server), 'Lungs are clear. Aorta seen.', ['lung', 'heart', 'aorta'])
    expect(asked).toEqual({ texts: { lung: 'Lungs are clear.' }, disputed: ['aorta'] })
  })

  it('ends at once where nothing will help, and after the last retry', async () => {
    await using refusing = await ChatServer.start([], 401)
    await expect(askChat(endpointOf(refusing), [])).rejects.toThrow(EndpointError)
    expect(refusing.requests).toHaveLength(1)
    await using down = await ChatServer.start([], 503)
    await expect(askChat(endpointOf(down), [])).rejects.toThrow('status 503')
    expect(down.requests).toHaveLength(5)
  })
})
