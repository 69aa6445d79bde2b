/** Where a user's measurements are kept. */
import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * `$VOXGRAD_TUNER_CACHE` (a file), else `tuning.json` in the folder that the software adapters are in: `$VOXGRAD_CACHE`,
 * else `$XDG_CACHE_HOME/voxgrad`, else `~/.cache/voxgrad`.
 */
export function tuningCachePath(env: NodeJS.ProcessEnv = process.env): string {
  if (env.VOXGRAD_TUNER_CACHE) return env.VOXGRAD_TUNER_CACHE
  const root = env.VOXGRAD_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'voxgrad')
  return join(root, 'tuning.json')
}
