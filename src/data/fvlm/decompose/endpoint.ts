/** Asks a chat model over HTTP, in the manner of OpenAI's API, which most servers of language models speak. */
import { z } from 'zod'
import { DataError } from '../../errors.js'
import { PassingError, reasonOf, withRetries } from '../../hub/request.js'

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

export interface ChatEndpoint {
  /** Such as `http://localhost:8000/v1`; requests go to `/chat/completions` below it. */
  readonly url: string
  /** As the endpoint names it. */
  readonly model: string
  /** Sent as a bearer token and never written anywhere. */
  readonly apiKey?: string | undefined
  /** How often a request that failed in passing is made again. Default 5. */
  readonly retries?: number | undefined
  /** Before the first of them; doubled for each further one, up to a minute. Default 1000. */
  readonly retryDelayMs?: number | undefined
  /** For one answer. Default 120,000. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** The endpoint will not answer any request: a wrong address, key or model. */
export class EndpointError extends DataError {
  override readonly name = 'EndpointError'
}

const answerSchema = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1),
})

/**
 * The answer of a chat model. Dropped connections, time-outs, answers that are no completion, and the statuses 408, 429 and
 * 5xx are tried again with growing pauses, or those that the endpoint asks for. Throws an EndpointError for what would fail
 * for every request, and a DataError for other failures.
 */
export async function askChat(endpoint: ChatEndpoint, messages: readonly ChatMessage[]): Promise<string> {
  const { retries = 5, retryDelayMs = 1000, timeoutMs = 120_000, signal } = endpoint
  const options = { token: undefined, signal, retries, retryDelayMs, stallTimeoutMs: timeoutMs }
  return await withRetries(options, () => askOnce(endpoint, messages, timeoutMs))
}

async function askOnce(endpoint: ChatEndpoint, messages: readonly ChatMessage[], timeoutMs: number): Promise<string> {
  const { url, model, apiKey, signal } = endpoint
  const path = `${url.replace(/\/+$/, '')}/chat/completions`
  let response: Response
  let text: string
  try {
    response = await fetch(path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      // The same report shall give the same answer.
      body: JSON.stringify({ model, messages, temperature: 0 }),
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]),
    })
    text = await response.text()
  } catch (cause) {
    signal?.throwIfAborted()
    throw new PassingError('network', `cannot reach the endpoint: ${reasonOf(cause)}`, { path, cause })
  }
  if (!response.ok) throw refusal(response, text, path)
  try {
    return answerSchema.parse(JSON.parse(text)).choices[0]!.message.content
  } catch (cause) {
    throw new PassingError('protocol', `the answer is no chat completion: ${text.slice(0, 80)}`, { path, cause })
  }
}

function refusal({ status, headers }: Response, text: string, path: string): Error {
  const message = `status ${status}: ${text.replace(/\s+/g, ' ').slice(0, 200)}`
  if (status === 408 || status === 429 || status >= 500) {
    const error = new PassingError(status === 429 ? 'rate-limited' : 'server', message, { path })
    const seconds = Number(headers.get('retry-after') ?? Number.NaN)
    if (seconds >= 0) error.retryAfterMs = seconds * 1000
    return error
  }
  if (status === 401 || status === 403) {
    return new EndpointError(message, {
      path,
      remedy: 'Put a key that may use it into the environment variable of the key',
    })
  }
  if (status === 404)
    return new EndpointError(message, { path, remedy: 'Check the address of the endpoint and the name of the model' })
  return new DataError(message, { path })
}
