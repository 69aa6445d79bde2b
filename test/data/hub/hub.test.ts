import { readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { HubProgress } from '../../../src/data/hub/download.js'
import { hubSettings } from '../../../src/data/hub/settings.js'
import { temporaryFolder } from '../helpers.js'
import { commit, etagOf } from './fake-hub.js'
import { downloader, expectProblem, files, model, setUp, weights } from './setup.js'

describe('a download', () => {
  test("lies in the cache as Python's library lays it out", async () => {
    const { cacheFolder, hub, download } = await setUp()
    const done = await download()
    const root = join(cacheFolder, 'models--org--model')
    expect(done.commit).toBe(commit)
    expect(done.folder).toBe(join(root, 'snapshots', commit))
    expect([...done.files.keys()]).toEqual(Object.keys(files))
    for (const [name, path] of done.files)
      expect(await readFile(path)).toEqual(files[name as keyof typeof files].contents)
    expect(await readFile(join(root, 'refs', 'main'), 'utf8')).toBe(commit)
    expect((await readdir(join(root, 'blobs'))).sort()).toEqual(Object.values(files).map(etagOf).sort())
    expect(await readlink(done.files.get('model.safetensors')!)).toBe(`../../blobs/${etagOf(weights)}`)
    expect(await readlink(done.files.get('text/vocab file.txt')!)).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\//)
    expect(hub.tokens.hub.every((token) => token === 'Bearer secret')).toBe(true)
    expect(hub.tokens.elsewhere).toEqual([undefined])
  })

  test('takes only what is asked for, and asks for nothing twice', async () => {
    const { hub, download } = await setUp()
    expect([...(await download({ patterns: ['*.json', 'text/*'] })).files.keys()]).toEqual([
      'config.json',
      'text/vocab file.txt',
    ])
    const before = hub.log.length
    await download({ files: ['config.json'] })
    expect(hub.log.slice(before)).toEqual(['GET /api/models/org/model/revision/main'])
    // A commit cannot change: no question at all.
    await download({ files: ['config.json'], revision: commit })
    expect(hub.log).toHaveLength(before + 1)
  })

  test('tells its progress', async () => {
    const { download } = await setUp()
    const seen: HubProgress[] = []
    await download({ ...model, onProgress: (progress) => seen.push(progress) })
    const loaded = seen.map(({ loadedBytes }) => loadedBytes)
    expect(loaded).toEqual([...loaded].sort((a, b) => a - b))
    expect(seen.at(-1)).toEqual({ file: 'model.safetensors', loadedBytes: 200_000, totalBytes: 200_000 })
  })

  test('of one file by several callers at once fetches it once', async () => {
    const { hub, download } = await setUp()
    const done = await Promise.all([1, 2, 3, 4].map(() => download(model)))
    for (const { files } of done) expect(await readFile(files.get('model.safetensors')!)).toEqual(weights.contents)
    expect(hub.log.filter((line) => line.startsWith('GET /cdn/'))).toHaveLength(1)
  })
})

describe('offline', () => {
  test('everything comes from the cache', async () => {
    const { cacheFolder, download } = await setUp()
    await download()
    const offline = downloader({ endpoint: 'http://127.0.0.1:1' }, cacheFolder)
    const done = await offline({ offline: true })
    expect([...done.files.keys()]).toEqual(Object.keys(files))
    expect([...(await offline({ offline: true, patterns: ['*.json'] })).files.keys()]).toEqual(['config.json'])
    await expectProblem(offline({ offline: true, files: ['none'] }), 'offline', /'none' of org\/model at main was not/)
    await expectProblem(offline({ offline: true, revision: 'v2' }), 'offline', /at v2 was not downloaded/)
    await expectProblem(offline({ offline: true, repo: 'org/other' }), 'offline', /HF_HUB_OFFLINE/)
  })

  test('a hub that cannot be reached is said to be so', async () => {
    const download = downloader({ endpoint: 'http://127.0.0.1:1' }, await temporaryFolder())
    await expectProblem(download({ retries: 1 }), 'network', /cannot reach the hub.*HF_HUB_OFFLINE=1/)
  })
})

test.each(['', '..', 'a/b/c', '../x', 'a b', 'https://x'])('the repository %j is refused', async (repo) => {
  const download = downloader({ endpoint: 'http://127.0.0.1:1' }, await temporaryFolder())
  await expect(download({ repo })).rejects.toThrow(/no name of a repository/)
})

describe('settings', () => {
  test('come from the variables of the Python library', async () => {
    const home = await temporaryFolder()
    await writeFile(join(home, 'token'), 'stored\n')
    expect(await hubSettings({}, { HF_HOME: home, HF_ENDPOINT: 'http://mirror/' })).toEqual({
      endpoint: 'http://mirror',
      cacheFolder: join(home, 'hub'),
      token: 'stored',
      offline: false,
    })
    expect(
      await hubSettings({}, { HF_HOME: home, HF_HUB_CACHE: '/c', HF_TOKEN: 't', HF_HUB_OFFLINE: 'yes' }),
    ).toMatchObject({
      cacheFolder: '/c',
      token: 't',
      offline: true,
    })
    expect((await hubSettings({}, { XDG_CACHE_HOME: '/x' })).cacheFolder).toBe(join('/x', 'huggingface', 'hub'))
    expect((await hubSettings({ offline: false }, { HF_HUB_OFFLINE: '1' })).offline).toBe(false)
    await expect(hubSettings({}, { HF_ENDPOINT: 'mirror' })).rejects.toThrow(/no http address. Mend HF_ENDPOINT/)
  })
})
