import { mkdir, readdir, readFile, readlink, utimes, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../../src/data/errors.js'
import { type DownloadOptions, downloadFromHub, type HubProgress } from '../../../src/data/hub/download.js'
import { HubError } from '../../../src/data/hub/errors.js'
import { hubSettings } from '../../../src/data/hub/settings.js'
import { temporaryFolder } from '../helpers.js'
import { commit, etagOf, type FakeFile, type FakeHub, fakeHub, type Misbehaviour } from './fake-hub.js'

const config: FakeFile = { contents: Buffer.from('{"hidden_size": 768}') }
const weights: FakeFile = {
  contents: Buffer.from(Uint32Array.from({ length: 50_000 }, (_, n) => n).buffer),
  large: true,
}
const files = {
  'config.json': config,
  'model.safetensors': weights,
  'text/vocab file.txt': { contents: Buffer.from('[PAD]') },
}

async function setUp(misbehave?: Misbehaviour) {
  const cacheFolder = await temporaryFolder()
  const hub = await fakeHub(files, misbehave)
  return { cacheFolder, hub, download: downloader(hub, cacheFolder) }
}

const downloader =
  ({ endpoint }: Pick<FakeHub, 'endpoint'>, cacheFolder: string) =>
  (options: Partial<DownloadOptions> = {}) =>
    downloadFromHub({
      repo: 'org/model',
      endpoint,
      cacheFolder,
      token: 'secret',
      offline: false,
      retryDelayMs: 1,
      ...options,
    })

const model = { files: ['model.safetensors'] }
const isModel = (url: string | undefined) => url?.startsWith('/cdn/model') ?? false
const blobOf = (cacheFolder: string, file: FakeFile) => join(cacheFolder, 'models--org--model', 'blobs', etagOf(file))

async function expectProblem(download: Promise<unknown>, problem: string, message: RegExp): Promise<void> {
  const error = await download.catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(HubError)
  expect(error).toBeInstanceOf(DataError)
  expect((error as HubError).message).toMatch(message)
  expect((error as HubError).problem).toBe(problem)
}

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

describe('a connection that', () => {
  /** Answers the first request in part, and drops the connection when that has arrived. */
  function cutting() {
    const open: ServerResponse[] = []
    const misbehave: Misbehaviour = (request, response, count) => {
      if (!isModel(request.url) || count > 1) return false
      response.writeHead(200, { 'content-length': weights.contents.length })
      response.write(weights.contents.subarray(0, 70_000))
      open.push(response)
      return true
    }
    const onProgress = () => {
      for (const response of open.splice(0)) response.destroy()
    }
    return { misbehave, onProgress }
  }

  test('drops is resumed where it dropped', async () => {
    const { misbehave, onProgress } = cutting()
    const { hub, download } = await setUp(misbehave)
    const done = await download({ ...model, onProgress })
    expect(await readFile(done.files.get('model.safetensors')!)).toEqual(weights.contents)
    expect(hub.log.filter((line) => line.startsWith('GET /cdn/'))).toEqual([
      'GET /cdn/model.safetensors',
      expect.stringMatching(/^GET \/cdn\/model\.safetensors bytes=[1-9]\d*-$/),
    ])
  })

  test('drops for good leaves what came for the next time', async () => {
    const { misbehave, onProgress } = cutting()
    const { cacheFolder, hub, download } = await setUp(misbehave)
    await expectProblem(download({ ...model, onProgress, retries: 0 }), 'network', /dropped|ended at byte/)
    expect(await readdir(join(cacheFolder, 'models--org--model', 'blobs'))).toEqual([
      expect.stringMatching(/\.incomplete$/),
    ])
    await download(model)
    expect(hub.log.at(-1)).toMatch(/bytes=[1-9]\d*-$/)
    expect(await readdir(join(cacheFolder, 'models--org--model', 'blobs'))).toEqual([etagOf(weights)])
  })

  test('drops again and again, but brings more each time, gets there', async () => {
    const { download } = await setUp((request, response, count) => {
      if (!isModel(request.url) || count > 12) return false
      const start = Number(/\d+/.exec(request.headers.range ?? '0')![0])
      response.writeHead(
        start === 0 ? 200 : 206,
        start === 0 ? {} : { 'content-range': `bytes ${start}-199999/200000` },
      )
      response.end(weights.contents.subarray(start, start + 9_000))
      return true
    })
    const done = await download({ ...model, retries: 2 })
    expect(await readFile(done.files.get('model.safetensors')!)).toEqual(weights.contents)
  })

  test('brings nothing counts as dropped', async () => {
    const { download } = await setUp((request, response, count) => {
      if (!isModel(request.url) || count > 1) return false
      response.writeHead(200, { 'content-length': weights.contents.length })
      response.flushHeaders()
      return true
    })
    const done = await download({ ...model, stallTimeoutMs: 200 })
    expect(await readFile(done.files.get('model.safetensors')!)).toEqual(weights.contents)
  })

  test('is aborted ends at once, and what came is kept', async () => {
    const { cacheFolder, download } = await setUp((request, response) => {
      if (!isModel(request.url)) return false
      response.writeHead(200, { 'content-length': weights.contents.length })
      response.write(weights.contents.subarray(0, 1000))
      return true
    })
    const controller = new AbortController()
    const aborted = download({ ...model, signal: controller.signal, onProgress: () => controller.abort() })
    await expect(aborted).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
    expect(await readdir(join(cacheFolder, 'models--org--model', 'blobs'))).toEqual([
      expect.stringMatching(/\.incomplete$/),
    ])
  })
})

describe('what an earlier process left', () => {
  async function left(name: (blob: string) => string, contents: Buffer, idle: boolean) {
    const { cacheFolder, hub, download } = await setUp()
    const blob = blobOf(cacheFolder, weights)
    await mkdir(join(blob, '..'), { recursive: true })
    await writeFile(name(blob), contents)
    if (idle) await utimes(name(blob), 1e9, 1e9)
    const done = await download(model)
    expect(await readFile(done.files.get('model.safetensors')!)).toEqual(weights.contents)
    return { log: hub.log, blobs: await readdir(join(blob, '..')) }
  }

  test("is resumed: Python's file, which is taken over when nobody writes to it", async () => {
    const { log, blobs } = await left((blob) => `${blob}.incomplete`, weights.contents.subarray(0, 4000), true)
    expect(log.at(-1)).toBe('GET /cdn/model.safetensors bytes=4000-')
    expect(blobs).toEqual([etagOf(weights)])
  })

  test("is resumed: Python's file, which is left alone when somebody may be writing to it", async () => {
    const { log, blobs } = await left((blob) => `${blob}.incomplete`, weights.contents.subarray(0, 4000), false)
    expect(log.at(-1)).toBe('GET /cdn/model.safetensors bytes=4000-')
    expect(blobs.sort()).toEqual([etagOf(weights), `${etagOf(weights)}.incomplete`])
  })

  test('is fetched again from the start when it is something else', async () => {
    const { log } = await left((blob) => `${blob}.incomplete`, Buffer.alloc(4000), true)
    expect(log.slice(-1)).toEqual(['GET /cdn/model.safetensors'])
  })

  test('is fetched again from the start when it is too long', async () => {
    const { log } = await left((blob) => `${blob}.incomplete`, Buffer.alloc(300_000), true)
    expect(log.at(-1)).toBe('GET /cdn/model.safetensors')
  })
})

describe('a hub that lies', () => {
  const modelAnswer =
    (answer: (response: Parameters<Misbehaviour>[1], request: Parameters<Misbehaviour>[0]) => void): Misbehaviour =>
    (request, response) => {
      if (!isModel(request.url)) return false
      answer(response, request)
      return true
    }

  test.each<[string, Misbehaviour, string, RegExp]>([
    [
      'sends less than it announced',
      modelAnswer((response) => response.end('short')),
      'network',
      /ended at byte 5 of 200000/,
    ],
    [
      'sends more than it announced',
      modelAnswer((response) => response.end(Buffer.concat([weights.contents, Buffer.from('x')]))),
      'protocol',
      /more than the 200000 bytes/,
    ],
    [
      'sends something else of the right length',
      modelAnswer((response) => response.end(Buffer.alloc(200_000))),
      'checksum',
      /have the checksum/,
    ],
    [
      'announces a length that the connection does not keep',
      modelAnswer((response) => {
        response.writeHead(200, { 'content-length': 500_000 })
        response.write('short', () => response.destroy())
      }),
      'network',
      /dropped|ended at byte/,
    ],
    [
      'redirects in a circle',
      modelAnswer((response) => response.writeHead(302, { location: '/cdn/model.safetensors' }).end()),
      'protocol',
      /redirects lead nowhere/,
    ],
    [
      'redirects to another kind of address',
      modelAnswer((response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end()),
      'protocol',
      /redirects lead nowhere/,
    ],
  ])('and %s', async (_, misbehave, problem, message) => {
    const { cacheFolder, download } = await setUp(misbehave)
    await expectProblem(download({ ...model, retries: 1 }), problem, message)
    await expect(readFile(blobOf(cacheFolder, weights))).rejects.toThrow()
    await expect(readdir(join(cacheFolder, 'models--org--model', 'snapshots'))).rejects.toThrow()
  })

  test('and ignores ranges is read from the start', async () => {
    const { download } = await setUp((request, response, count) => {
      if (!isModel(request.url)) return false
      if (count === 1) response.end(weights.contents.subarray(0, 5000))
      else response.end(weights.contents)
      return true
    })
    const done = await download(model)
    expect(await readFile(done.files.get('model.safetensors')!)).toEqual(weights.contents)
  })

  test('and answers another range is refused', async () => {
    const { download } = await setUp((request, response, count) => {
      if (!isModel(request.url)) return false
      if (count === 1) response.end(weights.contents.subarray(0, 5000))
      else response.writeHead(206, { 'content-range': 'bytes 0-9/200000' }).end('0123456789')
      return true
    })
    await expectProblem(download(model), 'protocol', /status 206, bytes 0-9\/200000/)
  })

  test.each(['../../evil', '/etc/evil', 'a/../../evil', 'a\\..\\evil', '', 'a//b', 'c:evil'])(
    'and lists %j',
    async (name) => {
      const { cacheFolder, download } = await setUp((request, response) => {
        if (!request.url?.startsWith('/api/')) return false
        response.end(JSON.stringify({ sha: commit, siblings: [{ rfilename: name }] }))
        return true
      })
      await expectProblem(download(), 'protocol', /no path inside a repository/)
      expect(await readdir(cacheFolder)).toEqual([])
    },
  )

  test.each([
    ['no JSON', 'hello', /does not answer in JSON/],
    ['no commit', '{"siblings": []}', /gives no commit/],
    ['a commit that is a path', '{"sha": "../..", "siblings": []}', /gives no commit/],
    ['nothing', 'null', /gives no commit/],
  ])('and answers %s', async (_, body, message) => {
    const { download } = await setUp((_request, response) => {
      response.end(body)
      return true
    })
    await expectProblem(download(), 'protocol', message)
  })

  test.each(['../../evil', '', '.'])('and names contents %j', async (etag) => {
    const { download } = await setUp((request, response) => {
      if (request.method !== 'HEAD') return false
      response.writeHead(200, { etag: `"${etag}"`, 'content-length': 20 }).end()
      return true
    })
    await expectProblem(download({ files: ['config.json'] }), 'protocol', /neither the length nor the name/)
  })
})

describe('a hub that refuses', () => {
  const always =
    (status: number, headers: Record<string, string> = {}): Misbehaviour =>
    (_, response) => {
      response.writeHead(status, headers).end()
      return true
    }

  test.each<[number, Record<string, string>, string, RegExp]>([
    [401, {}, 'unauthorized', /asks for a valid token \(status 401\).*The token is not valid/],
    [403, {}, 'forbidden', /Accept the terms/],
    [401, { 'x-error-code': 'GatedRepo', 'x-error-message': 'gated' }, 'forbidden', /status 401: gated/],
    [404, { 'x-error-code': 'RepoNotFound' }, 'not-found', /no such repository/],
    [404, { 'x-error-code': 'RevisionNotFound' }, 'not-found', /no such revision/],
    [404, {}, 'not-found', /no such thing/],
    [429, { 'retry-after': '0' }, 'rate-limited', /too many requests/],
    [500, {}, 'server', /in trouble/],
    [503, {}, 'server', /status 503/],
    [418, {}, 'protocol', /the hub refuses/],
  ])('with %i %o', async (status, headers, problem, message) => {
    const { hub, download } = await setUp(always(status, headers))
    await expectProblem(download({ retries: 2 }), problem, message)
    expect(hub.log).toHaveLength(status === 429 || status >= 500 ? 3 : 1)
  })

  test('for want of a token says how to give one', async () => {
    const { download } = await setUp(always(401))
    await expectProblem(download({ token: '' }), 'unauthorized', /Set HF_TOKEN/)
  })

  test('for a while is asked again', async () => {
    const { download } = await setUp((_, response, count) => {
      if (count > 2) return false
      response.writeHead(count === 1 ? 503 : 429, { 'retry-after': '0' }).end()
      return true
    })
    expect((await download()).files.size).toBe(3)
  })

  test('one file by a repository that has others', async () => {
    const { download } = await setUp()
    await expectProblem(download({ files: ['none.bin'] }), 'not-found', /no file 'none\.bin'. It has config\.json/)
    await expectProblem(download({ patterns: ['*.gguf'] }), 'not-found', /no file matches \*\.gguf/)
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
