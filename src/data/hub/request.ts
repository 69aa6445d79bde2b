import { setTimeout as delay } from 'node:timers/promises'
import { HubError, type HubProblem } from './errors.js'

export interface RequestOptions {
  readonly token: string | undefined
  readonly signal: AbortSignal | undefined
  /** How often a request that failed in passing is made again. */
  readonly retries: number
  /** Before the first of them; doubled for each further one. */
  readonly retryDelayMs: number
  /** A connection that brings nothing for so long counts as dropped. */
  readonly stallTimeoutMs: number
}

const MOST_REDIRECTS = 5
const MOST_DELAY_MS = 60_000

/** A failure that may pass. */
export class PassingError extends HubError {
  /** What the server asked to wait. */
  retryAfterMs: number | undefined
  /** More came than ever before, so that the count of failures begins again. */
  progressed = false
}

/** Does something again while it fails in passing, up to the limit. */
export async function withRetries<T>(options: RequestOptions, run: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!(error instanceof PassingError)) throw error
      if (error.progressed) attempt = 0
      if (attempt >= options.retries) throw error
      const waitMs = error.retryAfterMs ?? options.retryDelayMs * 2 ** attempt
      await delay(Math.min(waitMs, MOST_DELAY_MS), undefined, { ...(options.signal ? { signal: options.signal } : {}) })
    }
  }
}

export interface HubRequest {
  readonly url: string
  readonly method?: 'GET' | 'HEAD'
  readonly headers?: Readonly<Record<string, string>>
  /** Redirects to another host end the request, and its answer is the redirect. */
  readonly sameHostOnly?: boolean
  /** Instead of the usual time limit. */
  readonly signal?: AbortSignal
}

const signals = ({ signal }: RequestOptions): AbortSignal[] => (signal ? [signal] : [])

/** Makes one request and follows its redirects; the token goes to the first host only. Throws a HubError for a failure. */
export async function request(given: HubRequest, options: RequestOptions): Promise<Response> {
  const { method = 'GET', headers = {}, sameHostOnly = false } = given
  const signal = given.signal ?? AbortSignal.any([AbortSignal.timeout(options.stallTimeoutMs), ...signals(options)])
  const origin = new URL(given.url).origin
  let url = given.url
  for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
    const own = new URL(url).origin === origin
    const authorization = own && options.token ? { authorization: `Bearer ${options.token}` } : {}
    const response = await fetch(url, {
      method,
      // Lengths and checksums are of the plain contents.
      headers: { 'accept-encoding': 'identity', ...headers, ...authorization },
      redirect: 'manual',
      signal,
    }).catch((cause: unknown) => {
      options.signal?.throwIfAborted()
      throw new PassingError('network', `cannot reach the hub: ${reasonOf(cause)}`, {
        path: url,
        cause,
        remedy: offlineRemedy,
      })
    })
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null) {
      if (!response.ok && response.status !== 416) await failed(response, url, options)
      return response
    }
    const next = new URL(location, url)
    if (next.protocol !== 'https:' && next.protocol !== 'http:') break
    if (sameHostOnly && next.origin !== origin) return response
    await response.body?.cancel()
    url = next.href
  }
  throw new HubError('protocol', 'the redirects lead nowhere', { path: given.url })
}

const offlineRemedy = 'Check the network and HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use what was downloaded before'

export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return cause.cause instanceof Error ? `${cause.message}: ${cause.cause.message}` : cause.message
}

/** Turns an answer that is no success into an error that says what to do. */
async function failed(response: Response, url: string, { token }: RequestOptions): Promise<never> {
  const { status, headers } = response
  await response.body?.cancel()
  const code = headers.get('x-error-code') ?? ''
  const said = headers.get('x-error-message')
  const describe = (problem: string) => `${problem} (status ${status}${said ? `: ${said.slice(0, 200)}` : ''})`
  const stop = (problem: HubProblem, message: string, remedy: string): never => {
    throw new HubError(problem, describe(message), { path: url, remedy })
  }
  if (code === 'GatedRepo' || status === 403) {
    return stop(
      'forbidden',
      'access is not granted',
      'Accept the terms on the page of the model, with the account of HF_TOKEN',
    )
  }
  if (status === 401) {
    const remedy = token
      ? 'The token is not valid for it, or there is no such repository'
      : 'Set HF_TOKEN to a token that may read it'
    return stop('unauthorized', 'the hub asks for a valid token', remedy)
  }
  if (status === 404) return stop('not-found', notFound[code] ?? 'there is no such thing', 'Check the names')
  const passing = status === 429 || status === 408 || status >= 500
  if (!passing) return stop('protocol', 'the hub refuses', 'Check HF_ENDPOINT')
  const problem = status === 429 ? 'too many requests' : 'the hub is in trouble'
  const error = new PassingError(status === 429 ? 'rate-limited' : 'server', describe(problem), {
    path: url,
    remedy: 'Try again later',
  })
  const seconds = Number(headers.get('retry-after') ?? Number.NaN)
  if (seconds >= 0) error.retryAfterMs = seconds * 1000
  throw error
}

const notFound: Readonly<Record<string, string>> = {
  RepoNotFound: 'there is no such repository',
  RevisionNotFound: 'there is no such revision',
  EntryNotFound: 'there is no such file in the repository',
}
