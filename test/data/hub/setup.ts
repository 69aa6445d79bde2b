import { join } from 'node:path'
import { expect } from 'vitest'
import { DataError } from '../../../src/data/errors.js'
import { type DownloadOptions, downloadFromHub } from '../../../src/data/hub/download.js'
import { HubError } from '../../../src/data/hub/errors.js'
import { temporaryFolder } from '../helpers.js'
import { etagOf, type FakeFile, type FakeHub, fakeHub, type Misbehaviour } from './fake-hub.js'

export const config: FakeFile = { contents: Buffer.from('{"hidden_size": 768}') }
export const weights: FakeFile = {
  contents: Buffer.from(Uint32Array.from({ length: 50_000 }, (_, n) => n).buffer),
  large: true,
}
export const files = {
  'config.json': config,
  'model.safetensors': weights,
  'text/vocab file.txt': { contents: Buffer.from('[PAD]') },
}

export async function setUp(misbehave?: Misbehaviour) {
  const cacheFolder = await temporaryFolder()
  const hub = await fakeHub(files, misbehave)
  return { cacheFolder, hub, download: downloader(hub, cacheFolder) }
}

export const downloader =
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

export const model = { files: ['model.safetensors'] }
export const isModel = (url: string | undefined) => url?.startsWith('/cdn/model') ?? false
export const blobOf = (cacheFolder: string, file: FakeFile) =>
  join(cacheFolder, 'models--org--model', 'blobs', etagOf(file))

export async function expectProblem(download: Promise<unknown>, problem: string, message: RegExp): Promise<void> {
  const error = await download.catch((cause: unknown) => cause)
  expect(error).toBeInstanceOf(HubError)
  expect(error).toBeInstanceOf(DataError)
  expect((error as HubError).message).toMatch(message)
  expect((error as HubError).problem).toBe(problem)
}
