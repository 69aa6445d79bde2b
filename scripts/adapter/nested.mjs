// A program started with an adapter may start further ones (npm scripts, tests). A record in the environment spares them the search, and
// lets one that asks for another adapter begin from what the environment was before.

const RECORD = 'VOXGRAD_ADAPTER_READY'

/**
 * @typedef {import('../adapter.mjs').Adapter} Adapter
 * @typedef {object} Record
 * @property {string} choice
 * @property {string} plainNode the `node` that all began with, which is not the patched copy
 * @property {Adapter} adapter
 * @property {{ [name: string]: string | null }} before the variables the adapter sets, as they were
 */

/** @returns {Record | null} */
function read(env = process.env) {
  try {
    return JSON.parse(env[RECORD] ?? 'null')
  } catch {
    return null
  }
}

/**
 * The adapter this process was started with, if it was chosen in the same way; otherwise null, with `env` back as it was before.
 * @param {string} choice
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Adapter | null}
 */
export function inheritedAdapter(choice, env = process.env) {
  const record = read(env)
  if (!record) return null
  if (record.choice === choice)
    return { ...record.adapter, env: { ...record.adapter.env, [RECORD]: env[RECORD] ?? '' } }
  for (const [name, value] of Object.entries(record.before)) {
    if (value === null) delete env[name]
    else env[name] = value
  }
  return null
}

/** The `node` this machine has, also when the patched copy is running. */
export function plainNode(env = process.env) {
  return read(env)?.plainNode ?? process.execPath
}

/**
 * The adapter, with the record added to the environment it asks for.
 * @param {string} choice
 * @param {Adapter} adapter
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Adapter}
 */
export function recorded(choice, adapter, env = process.env) {
  const before = Object.fromEntries(Object.keys(adapter.env).map((name) => [name, env[name] ?? null]))
  const record = JSON.stringify({ choice, plainNode: plainNode(env), adapter, before })
  return { ...adapter, env: { ...adapter.env, [RECORD]: record } }
}

/**
 * Whether this very process is as the adapter needs it, so that no other has to be started.
 * @param {Adapter} adapter
 * @param {NodeJS.ProcessEnv} [env]
 */
export function isCurrent(adapter, env = process.env) {
  return (
    adapter.node === process.execPath &&
    Object.entries(adapter.env).every(([name, value]) => name === RECORD || env[name] === value)
  )
}
