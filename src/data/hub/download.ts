import { matchesAny } from '../glob.js'
import { checkedPath, commitPattern, HubCache, sizeOf } from './cache.js'
import { HubError } from './errors.js'
import { fetchBlob, type RemoteFile } from './fetch-blob.js'
import { type RequestOptions, request, withRetries } from './request.js'
import { type HubSettings, hubSettings } from './settings.js'

export interface HubProgress {
  readonly file: string
  readonly loadedBytes: number
  readonly totalBytes: number
}

export interface DownloadOptions extends Partial<HubSettings> {
  /** `OWNER/NAME`. */
  readonly repo: string
  /** A branch, a tag or a commit. Default: `main`. */
  readonly revision?: string
  /** Exactly these files. */
  readonly files?: readonly string[]
  /** All files that match one of these patterns, `*` standing for any text. Default: all files. */
  readonly patterns?: readonly string[]
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: HubProgress) => void
  /** How often what fails in passing is tried again. Default: 5. */
  readonly retries?: number
  /** Before the first of these; doubled for each further one. Default: 1000. */
  readonly retryDelayMs?: number
  /** A connection that brings nothing for so long counts as dropped. Default: 30,000. */
  readonly stallTimeoutMs?: number
}

export interface Download {
  /** The folder of the snapshot, which holds the files under their own names. */
  readonly folder: string
  readonly commit: string
  /** Paths by name. */
  readonly files: ReadonlyMap<string, string>
}

/**
 * Downloads files of a model from the Hugging Face Hub, or a server of its kind, into the cache that Python's library
 * uses. What is there is not fetched again; what was fetched in part is resumed; lengths and checksums are checked. A
 * commit with given files, and everything with `HF_HUB_OFFLINE`, needs no network once it is there. Throws a HubError that
 * says what to do. Aborting keeps what came for the next time.
 *
 * Own code rather than `@huggingface/hub`, which neither resumes nor checks, and tells no progress.
 */
export async function downloadFromHub(options: DownloadOptions): Promise<Download> {
  const { repo, revision = 'main', files, patterns = ['*'], signal } = options
  const settings = await hubSettings(definedSettings(options))
  const cache = new HubCache(settings.cacheFolder, repo)
  const wanted = files?.map((file) => checkedPath(file).join('/'))
  const known = await cache.commitOf(revision)
  if (settings.offline || (known === revision && wanted && (await allThere(cache, known, wanted)))) {
    return await fromCache(cache, known, options)
  }
  const requests: RequestOptions = {
    token: settings.token,
    signal,
    retries: options.retries ?? 5,
    retryDelayMs: options.retryDelayMs ?? 1000,
    stallTimeoutMs: options.stallTimeoutMs ?? 30_000,
  }
  const hub = { endpoint: settings.endpoint, repo }
  const listing = await listFiles(hub, revision, requests)
  const names = wanted ?? listing.files.filter((name) => matchesAny(patterns, name))
  const missing = names.find((name) => !listing.files.includes(name))
  if (missing !== undefined || names.length === 0) {
    const problem = missing === undefined ? `no file matches ${patterns.join(', ')}` : `there is no file '${missing}'`
    const remedy = `It has ${listing.files.slice(0, 8).join(', ')}`
    throw new HubError('not-found', problem, { path: `${repo} at ${revision}`, remedy })
  }
  for (const name of names) await downloadFile(hub, cache, listing.commit, name, requests, options.onProgress)
  await cache.remember(revision, listing.commit)
  return result(cache, listing.commit, names)
}

/** What the caller gave, without what it left out. */
function definedSettings({ endpoint, cacheFolder, token, offline }: DownloadOptions): Partial<HubSettings> {
  const given = { endpoint, cacheFolder, token, offline }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

interface Hub {
  readonly endpoint: string
  readonly repo: string
}

function result(cache: HubCache, commit: string, names: readonly string[]): Download {
  const files = new Map(names.map((name) => [name, cache.snapshot(commit, name)]))
  return { folder: cache.snapshot(commit), commit, files }
}

async function allThere(cache: HubCache, commit: string, names: readonly string[]): Promise<boolean> {
  for (const name of names) if (!(await cache.has(commit, name))) return false
  return true
}

async function fromCache(cache: HubCache, commit: string | undefined, options: DownloadOptions): Promise<Download> {
  const { repo, revision = 'main', files, patterns = ['*'] } = options
  const there = commit === undefined ? [] : await cache.files(commit)
  const names = files ?? there.filter((name) => matchesAny(patterns, name))
  const missing = names.find((name) => !there.includes(name))
  if (commit === undefined || missing !== undefined || names.length === 0) {
    const what = missing ?? (files ?? patterns).join(', ')
    throw new HubError(
      'offline',
      `'${what}' of ${repo} at ${revision} was not downloaded, and the hub may not be asked`,
      {
        path: cache.folder,
        remedy: 'Unset HF_HUB_OFFLINE and download it once',
      },
    )
  }
  return result(cache, commit, names)
}

/** The commit of a revision, and its files. */
async function listFiles({ endpoint, repo }: Hub, revision: string, requests: RequestOptions) {
  const url = `${endpoint}/api/models/${repo}/revision/${encodeURIComponent(revision)}`
  const info: unknown = await withRetries(requests, async () => {
    const response = await request({ url }, requests)
    return await response.json().catch((cause: unknown) => {
      throw new HubError('protocol', 'the hub does not answer in JSON', {
        path: url,
        cause,
        remedy: 'Check HF_ENDPOINT',
      })
    })
  })
  const { sha, siblings } = (info ?? {}) as { sha?: unknown; siblings?: unknown }
  if (typeof sha !== 'string' || !commitPattern.test(sha) || !Array.isArray(siblings)) {
    throw new HubError('protocol', 'the hub gives no commit or no files', { path: url, remedy: 'Check HF_ENDPOINT' })
  }
  const files = siblings.map((sibling: { rfilename?: unknown } | null) => String(sibling?.rfilename ?? ''))
  return { commit: sha, files }
}

/** Blobs that this process is fetching: a second call waits for the first and finds the blob there. */
const busy = new Map<string, Promise<unknown>>()

async function downloadFile(
  hub: Hub,
  cache: HubCache,
  commit: string,
  name: string,
  requests: RequestOptions,
  onProgress: DownloadOptions['onProgress'],
): Promise<void> {
  checkedPath(name)
  if (await cache.has(commit, name)) return
  const remote = await withRetries(requests, () => lookUp(hub, commit, name, requests))
  const blob = cache.blob(remote.etag)
  const report = (loadedBytes: number) => onProgress?.({ file: name, loadedBytes, totalBytes: remote.bytes })
  const before = busy.get(blob) ?? Promise.resolve()
  const fetching = before
    .catch(() => undefined)
    .then(async () => {
      if ((await sizeOf(blob)) !== remote.bytes) await fetchBlob(remote, blob, requests, report)
    })
  busy.set(blob, fetching)
  try {
    await fetching
  } finally {
    if (busy.get(blob) === fetching) busy.delete(blob)
  }
  await cache.link(commit, name, remote.etag)
  report(remote.bytes)
}

/** Asks what a file is. Large ones lie elsewhere, and the redirect to there says more of them than the answer there. */
async function lookUp(
  { endpoint, repo }: Hub,
  commit: string,
  name: string,
  requests: RequestOptions,
): Promise<RemoteFile> {
  const path = name.split('/').map(encodeURIComponent).join('/')
  const url = `${endpoint}/${repo}/resolve/${commit}/${path}`
  const { headers } = await request({ url, method: 'HEAD', sameHostOnly: true }, requests)
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '').replace(/^W\//, '').replace(/^"|"$/g, '')
  const bytes = Number(headers.get('x-linked-size') ?? headers.get('content-length') ?? Number.NaN)
  if (!/^[\w-]{1,128}$/.test(etag) || !Number.isSafeInteger(bytes) || bytes < 0) {
    throw new HubError('protocol', 'the hub tells neither the length nor the name of the contents', { path: url })
  }
  return { url, etag, bytes }
}
