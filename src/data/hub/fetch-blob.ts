import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm, truncate } from 'node:fs/promises'
import { fileError } from '../files.js'
import { sizeOf } from './cache.js'
import { HubError } from './errors.js'
import { partialFile } from './partial.js'
import { PassingError, type RequestOptions, reasonOf, request, withRetries } from './request.js'

/** What the hub says of a file before it is fetched. */
export interface RemoteFile {
  readonly url: string
  /** Names the blob. Of large files the SHA-256 of the contents, of small ones git's SHA-1. */
  readonly etag: string
  readonly bytes: number
}

/**
 * Fetches a file to where its blob belongs: resumes what was fetched before, starts again where a connection drops, and
 * puts the file under its name only when length and checksum are right. Throws a HubError.
 */
export async function fetchBlob(
  remote: RemoteFile,
  blob: string,
  options: RequestOptions,
  onBytes: (loaded: number) => void,
): Promise<void> {
  const partial = await partialFile(blob)
  let resumed = ((await sizeOf(partial)) ?? 0) > 0
  for (;;) {
    let most = (await sizeOf(partial)) ?? 0
    await withRetries(options, () =>
      fetchRest(remote, partial, options, onBytes).catch(async (error: unknown) => {
        const now = (await sizeOf(partial)) ?? 0
        if (error instanceof PassingError) error.progressed = now > most
        most = Math.max(most, now)
        throw error
      }),
    )
    const wrong = await wrongChecksum(remote, partial)
    if (wrong === undefined) break
    await rm(partial, { force: true })
    // The beginning may have been somebody else's: once more, from the start.
    if (!resumed)
      throw new HubError('checksum', wrong, {
        path: remote.url,
        remedy: 'Try again; the hub or the way to it is faulty',
      })
    resumed = false
  }
  await rename(partial, blob).catch((cause: unknown) => {
    throw fileError('write', blob, cause)
  })
}

/** One request for what is missing. Throws a PassingError when the connection drops, with what came kept. */
async function fetchRest(
  { url, bytes }: RemoteFile,
  partial: string,
  options: RequestOptions,
  onBytes: (loaded: number) => void,
): Promise<void> {
  let have = (await sizeOf(partial)) ?? 0
  if (have > bytes) {
    await truncate(partial, 0)
    have = 0
  }
  if (have === bytes && bytes > 0) return
  const stall = new Stall(options)
  try {
    const headers: Record<string, string> = have > 0 ? { range: `bytes=${have}-` } : {}
    const response = await request({ url, headers, signal: stall.signal }, options)
    have = await acceptedStart(response, have, bytes, url)
    const file = await open(partial, have > 0 ? 'r+' : 'w')
    try {
      await receive(response, file, { have, bytes, url }, stall, onBytes)
    } finally {
      await file.close()
    }
  } catch (cause) {
    options.signal?.throwIfAborted()
    if (cause instanceof HubError) throw cause
    if (isSystemError(cause)) throw fileError('write', partial, cause)
    throw new PassingError('network', `the connection dropped: ${stall.stalled ? 'nothing came' : reasonOf(cause)}`, {
      path: url,
      cause,
    })
  } finally {
    stall.stop()
  }
}

/** Where the answer's bytes belong. */
async function acceptedStart(response: Response, have: number, bytes: number, url: string): Promise<number> {
  if (response.status === 200) return 0
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get('content-range') ?? '')
  const right =
    response.status === 206 && range && Number(range[1]) === have && (range[2] === '*' || Number(range[2]) === bytes)
  if (right) return have
  await response.body?.cancel()
  throw new HubError(
    'protocol',
    `the hub answers a request for byte ${have} of ${bytes} with status ${response.status}, ${response.headers.get('content-range') ?? 'no range'}`,
    { path: url },
  )
}

async function receive(
  response: Response,
  file: FileHandle,
  { have, bytes, url }: { have: number; bytes: number; url: string },
  stall: Stall,
  onBytes: (loaded: number) => void,
): Promise<void> {
  let position = have
  for await (const piece of response.body ?? []) {
    stall.restart()
    if (position + piece.length > bytes) {
      throw new HubError('protocol', `the hub sends more than the ${bytes} bytes that it announced`, { path: url })
    }
    await file.write(piece, 0, piece.length, position)
    position += piece.length
    onBytes(position)
  }
  if (position < bytes)
    throw new PassingError('network', `the connection ended at byte ${position} of ${bytes}`, { path: url })
}

/** Aborts a request when nothing comes for a while. */
class Stall {
  stalled = false
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly signal: AbortSignal

  constructor({ signal, stallTimeoutMs }: RequestOptions) {
    this.signal = signal ? AbortSignal.any([signal, this.#controller.signal]) : this.#controller.signal
    this.#timer = setTimeout(() => {
      this.stalled = true
      this.#controller.abort()
    }, stallTimeoutMs)
  }

  restart(): void {
    this.#timer.refresh()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

/** What does not fit, if anything: SHA-256 for etags of 64 digits, git's blob hash for those of 40. */
async function wrongChecksum({ etag, bytes }: RemoteFile, path: string): Promise<string | undefined> {
  const hash = hashFor(etag, bytes)
  if (!hash) return undefined
  try {
    for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array)
  } catch (cause) {
    throw fileError('read', path, cause)
  }
  const got = hash.digest('hex')
  return got === etag ? undefined : `the contents have the checksum ${got}, not ${etag}`
}

function hashFor(etag: string, bytes: number): Hash | undefined {
  if (/^[0-9a-f]{64}$/.test(etag)) return createHash('sha256')
  if (/^[0-9a-f]{40}$/.test(etag)) return createHash('sha1').update(`blob ${bytes}\0`)
  return undefined
}

const isSystemError = (error: unknown): boolean =>
  error instanceof Error && 'syscall' in error && ['open', 'write', 'ftruncate'].includes(String(error.syscall))
