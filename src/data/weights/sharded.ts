import { basename, dirname, join } from 'node:path'
import { DataError } from '../errors.js'
import { readFileBytes } from '../files.js'
import { findDuplicateKey } from '../strict-json.js'
import { type WeightSource, weightSource } from './source.js'

const MOST_INDEX_BYTES = 100_000_000

/**
 * Weights that are spread over several files by an index (`model.safetensors.index.json`). Strict: every file is there, has
 * every tensor that the index says, and no other. Throws a DataError otherwise.
 */
export async function openSharded(
  path: string,
  openShard: (path: string) => Promise<WeightSource>,
): Promise<WeightSource> {
  const fail = (problem: string): never => {
    throw new DataError(problem, { path, remedy: 'Fetch the index and all files of its model again' })
  }
  const weightMap = await readWeightMap(path, fail)
  await using shards = new AsyncDisposableShards()
  const present = new Set<string>()
  for (const file of new Set(weightMap.values())) {
    const shard = await openShard(join(dirname(path), file))
    shards.byFile.set(file, shard)
    for (const name of shard.names) {
      const expected = weightMap.get(name) ?? fail(`tensor '${name}' of ${file} is not in the index`)
      if (expected !== file) fail(`tensor '${name}' is in ${file}, not in ${expected} as the index says`)
      present.add(name)
    }
  }
  for (const [name, file] of weightMap) {
    if (!present.has(name)) fail(`tensor '${name}' is missing from ${file}`)
  }
  const open = shards.release()
  const shardOf = (name: string): WeightSource => {
    const file = weightMap.get(name)
    return file === undefined ? fail(`there is no tensor '${name}'`) : open.byFile.get(file)!
  }
  const [first, ...others] = [...open.byFile.values()]
  const common = Object.entries(first?.metadata ?? {}).filter(([key, text]) =>
    others.every(({ metadata }) => metadata[key] === text),
  )
  return weightSource(
    {
      path,
      names: [...weightMap.keys()],
      header: (name) => shardOf(name).header(name),
      read: (name) => shardOf(name).read(name),
      [Symbol.asyncDispose]: () => open[Symbol.asyncDispose](),
    },
    first?.format ?? 'safetensors',
    { metadata: Object.fromEntries(common), sharing: [...open.byFile.values()].flatMap(({ sharing }) => sharing) },
  )
}

/** Open files, which close together unless they are released. */
class AsyncDisposableShards {
  byFile = new Map<string, WeightSource>()

  release(): AsyncDisposableShards {
    const released = new AsyncDisposableShards()
    released.byFile = this.byFile
    this.byFile = new Map()
    return released
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const shard of this.byFile.values()) await shard[Symbol.asyncDispose]()
  }
}

async function readWeightMap(path: string, fail: (problem: string) => never): Promise<ReadonlyMap<string, string>> {
  const bytes = await readFileBytes(path)
  if (bytes.length > MOST_INDEX_BYTES) fail(`an index of ${bytes.length} bytes is beyond all sense`)
  let index: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    index = JSON.parse(text)
    const duplicate = findDuplicateKey(text)
    if (duplicate !== undefined) throw new Error(`it names '${duplicate}' twice`)
  } catch (cause) {
    return fail(`the index is not JSON: ${cause instanceof Error ? cause.message : cause}`)
  }
  const map = isObject(index) && isObject(index.weight_map) ? index.weight_map : fail('the index has no weight_map')
  const entries = Object.entries(map).map(([name, file]): [string, string] => {
    // Only files beside the index: it comes from elsewhere and may not point anywhere.
    const plain = typeof file === 'string' && file === basename(file) && !/^\.{0,2}$|[\\:\0]/.test(file)
    return plain
      ? [name, file]
      : fail(`tensor '${name}' is said to be in ${JSON.stringify(file)}, which is no file name`)
  })
  if (entries.length === 0) fail('the index names no tensor')
  return new Map(entries)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
