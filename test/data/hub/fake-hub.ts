/** A hub on this machine, with the same files under every repository's name, that can misbehave in every way. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export const commit = 'c0ffee'.padEnd(40, '0')

export interface FakeFile {
  readonly contents: Buffer
  /** As large files are: behind a redirect to another host. */
  readonly large?: boolean
}

/** May answer a request itself. `count` counts the requests of this kind and path from 1. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse, count: number) => boolean

export interface FakeHub {
  readonly endpoint: string
  /** `METHOD path range` of every request so far. */
  readonly log: string[]
  /** What each request to the other host carried as authorization. */
  readonly tokens: { readonly hub: (string | undefined)[]; readonly elsewhere: (string | undefined)[] }
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
const gitHash = (bytes: Buffer) => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex')

export const etagOf = ({ contents, large }: FakeFile) => (large ? sha256(contents) : gitHash(contents))

async function listen(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server: Server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  )
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export async function fakeHub(
  files: Readonly<Record<string, FakeFile>>,
  misbehave: Misbehaviour = () => false,
): Promise<FakeHub> {
  const log: string[] = []
  const tokens: { hub: (string | undefined)[]; elsewhere: (string | undefined)[] } = { hub: [], elsewhere: [] }
  const counts = new Map<string, number>()

  const misbehaves = (request: IncomingMessage, response: ServerResponse): boolean => {
    const key = `${request.method} ${request.url}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
    log.push([key, request.headers.range].filter(Boolean).join(' '))
    return misbehave(request, response, counts.get(key)!)
  }

  const elsewhere = await listen((request, response) => {
    tokens.elsewhere.push(request.headers.authorization)
    if (misbehaves(request, response)) return
    send(request, response, files[decodeURIComponent(request.url!.replace('/cdn/', ''))]!)
  })

  const endpoint = await listen((request, response) => {
    tokens.hub.push(request.headers.authorization)
    if (misbehaves(request, response)) return
    if (/^\/api\/models\/[^/]+\/[^/]+\/revision\//.test(request.url!)) {
      response.end(JSON.stringify({ sha: commit, siblings: Object.keys(files).map((rfilename) => ({ rfilename })) }))
      return
    }
    const name = decodeURIComponent(request.url!.replace(new RegExp(`^/[^/]+/[^/]+/resolve/${commit}/`), ''))
    const file = files[name]
    if (!file) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end()
      return
    }
    response.setHeader('x-repo-commit', commit)
    if (file.large) {
      response.setHeader('x-linked-etag', `"${etagOf(file)}"`)
      response.setHeader('x-linked-size', file.contents.length)
      response.writeHead(302, { location: `${elsewhere}/cdn/${encodeURIComponent(name)}` }).end()
      return
    }
    response.setHeader('etag', `W/"${etagOf(file)}"`)
    send(request, response, file)
  })
  return { endpoint, log, tokens }
}

function send(request: IncomingMessage, response: ServerResponse, { contents }: FakeFile): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
  const { length } = contents
  response.setHeader('content-length', length - start)
  if (start > 0) response.writeHead(206, { 'content-range': `bytes ${start}-${length - 1}/${length}` })
  response.end(request.method === 'HEAD' ? undefined : contents.subarray(start))
}
