import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { etagOf, type Misbehaviour } from './fake-hub.js'
import { blobOf, expectProblem, isModel, model, setUp, weights } from './setup.js'

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
