import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { DataError } from '../errors.js'

/** The public hub; `HF_ENDPOINT` names another. */
const PUBLIC_ENDPOINT = 'https://huggingface.co'

/** Where to download from and where to keep it, by the same variables as Python's `huggingface_hub`. */
export interface HubSettings {
  /** `HF_ENDPOINT`, without a slash at the end. */
  readonly endpoint: string
  /** `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or `~/.cache/huggingface/hub`. */
  readonly cacheFolder: string
  /** `HF_TOKEN`, or what `huggingface-cli login` stored. */
  readonly token: string | undefined
  /** `HF_HUB_OFFLINE`. */
  readonly offline: boolean
}

export type Environment = Readonly<Record<string, string | undefined>>

/** The settings of an environment, with what the caller wants different. Throws a DataError for a bad endpoint. */
export async function hubSettings(
  given: Partial<HubSettings> = {},
  environment: Environment = process.env,
): Promise<HubSettings> {
  const home = environment.HF_HOME || join(environment.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface')
  const endpoint = given.endpoint ?? (environment.HF_ENDPOINT || PUBLIC_ENDPOINT)
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') {
    throw new DataError(`the hub '${endpoint}' is no http address`, { remedy: 'Mend HF_ENDPOINT' })
  }
  return {
    endpoint: endpoint.replace(/\/+$/, ''),
    cacheFolder: given.cacheFolder ?? (environment.HF_HUB_CACHE || join(home, 'hub')),
    token:
      given.token ??
      (environment.HF_TOKEN?.trim() || (await storedToken(environment.HF_TOKEN_PATH || join(home, 'token')))),
    offline: given.offline ?? /^(1|on|yes|true)$/i.test(environment.HF_HUB_OFFLINE ?? ''),
  }
}

async function storedToken(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.trim() || undefined
}
