import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commit, type Misbehaviour } from './fake-hub.js'
import { blobOf, expectProblem, isModel, model, setUp, weights } from './setup.js'

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
