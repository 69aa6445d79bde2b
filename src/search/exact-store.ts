/** The exact store: a folder that needs nothing else, searched in memory. Good to some hundred thousand vectors. */

import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { DataError, openSafetensors, readTextFile, writeSafetensors, writeTextAtomically } from '../data/index.js'
import { ExactIndex } from './exact-index.js'
import { checkModel, type Neighbour, type StoreModel, type VectorRecord, type VectorStore } from './store.js'

/** Files of a store. `store.json` is written last and names the other two, so that a store is never half new. */
const manifestName = 'store.json'

const manifestSchema = z.strictObject({
  format: z.literal('voxgrad-vectors'),
  version: z.literal(1),
  model: z.string(),
  dimensions: z.number().int().positive(),
  count: z.number().int().nonnegative(),
  /** `vectors` `[count, dimensions]`, float32, of length 1. */
  vectors: z.string(),
  /** A line of JSON per vector, in its order: `{ id, metadata }`. */
  records: z.string(),
})

const lineSchema = z.strictObject({ id: z.string(), metadata: z.record(z.string(), z.unknown()) })

type Manifest = z.infer<typeof manifestSchema>

/**
 * Opens the store of a folder, or with `create` makes one. Throws a DataError for a folder without one, or with a damaged
 * one, and a ModelMismatchError when it is there and holds vectors of another model.
 */
export async function openExactStore(folder: string, create?: StoreModel): Promise<ExactStore> {
  const path = join(folder, manifestName)
  if (!existsSync(path)) {
    if (create === undefined) throw new DataError('holds no index', { path: folder, remedy: 'Make one: voxgrad index' })
    await mkdir(folder, { recursive: true })
    return new ExactStore(folder, create, new ExactIndex(create.dimensions), new Map(), 0)
  }
  const manifest = await readManifest(path)
  const index = new ExactIndex(manifest.dimensions)
  const metadata = await readRecords(folder, manifest, index)
  const generation = Number(/\d+/.exec(manifest.vectors)?.[0] ?? 0)
  const store = new ExactStore(folder, manifest, index, metadata, generation)
  if (create) checkModel(store, create.model)
  return store
}

async function readManifest(path: string): Promise<Manifest> {
  let value: unknown
  try {
    value = JSON.parse(await readTextFile(path))
  } catch (cause) {
    throw new DataError('is damaged: it is not JSON', { path, cause })
  }
  const parsed = manifestSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new DataError(`is no index of this kind: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`, { path })
}

async function readRecords(folder: string, manifest: Manifest, index: ExactIndex) {
  const { dimensions, count, records, vectors } = manifest
  const path = join(folder, records)
  const lines = (await readTextFile(path)).split('\n').filter((line) => line !== '')
  await using file = await openSafetensors(join(folder, vectors))
  const { dtype, shape, data } = await file.read('vectors')
  if (dtype !== 'F32' || shape.join() !== [count, dimensions].join() || lines.length !== count) {
    throw new DataError(
      `is damaged: ${lines.length} records, vectors ${dtype} [${shape.join(', ')}], ${count} announced`,
      {
        path,
      },
    )
  }
  const metadata = new Map<string, Readonly<Record<string, unknown>>>()
  for (const [n, line] of lines.entries()) {
    const parsed = lineSchema.safeParse(parseLine(line, path, n))
    if (!parsed.success) throw new DataError(`line ${n + 1} is no record`, { path })
    metadata.set(parsed.data.id, parsed.data.metadata)
    index.add(parsed.data.id, (data as Float32Array).subarray(n * dimensions, (n + 1) * dimensions))
  }
  return metadata
}

function parseLine(line: string, path: string, n: number): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new DataError(`line ${n + 1} is not JSON`, { path, cause })
  }
}

/** Use {@link openExactStore}. */
export class ExactStore implements VectorStore {
  readonly model: string
  readonly dimensions: number
  readonly #index: ExactIndex
  readonly #metadata: Map<string, Readonly<Record<string, unknown>>>
  #generation: number
  #changed = false

  constructor(
    readonly location: string,
    { model, dimensions }: StoreModel,
    index: ExactIndex,
    metadata: Map<string, Readonly<Record<string, unknown>>>,
    generation: number,
  ) {
    this.model = model
    this.dimensions = dimensions
    this.#index = index
    this.#metadata = metadata
    this.#generation = generation
  }

  async size(): Promise<number> {
    return this.#index.size
  }

  async ids(): Promise<ReadonlySet<string>> {
    return new Set(this.#index.ids)
  }

  /** In memory until `save` or `close`. */
  async add(model: string, records: readonly VectorRecord[]): Promise<void> {
    checkModel(this, model)
    for (const { id, vector, metadata = {} } of records) {
      this.#index.add(id, vector)
      this.#metadata.set(id, metadata)
      this.#changed = true
    }
  }

  async search(model: string, query: ArrayLike<number>, count = 10): Promise<Neighbour[]> {
    checkModel(this, model)
    return this.#index.search(query, count).map((match) => ({ ...match, metadata: this.#metadata.get(match.id)! }))
  }

  /** Writes everything; readers see the old contents or the new. */
  async save(): Promise<void> {
    if (!this.#changed && this.#generation > 0) return
    const { location, model, dimensions } = this
    const { ids, vectors } = this.#index
    this.#generation++
    const names = { vectors: `vectors-${this.#generation}.safetensors`, records: `records-${this.#generation}.jsonl` }
    const lines = ids.map((id) => `${JSON.stringify({ id, metadata: this.#metadata.get(id) })}\n`)
    const data = vectors.slice()
    await writeSafetensors(join(location, names.vectors), {
      vectors: { dtype: 'F32', shape: [ids.length, dimensions], data },
    })
    await writeTextAtomically(join(location, names.records), lines.join(''))
    const manifest: Manifest = { format: 'voxgrad-vectors', version: 1, model, dimensions, count: ids.length, ...names }
    await writeTextAtomically(join(location, manifestName), `${JSON.stringify(manifest, undefined, 2)}\n`)
    await removeGeneration(location, this.#generation - 1)
    this.#changed = false
  }

  async close(): Promise<void> {
    await this.save()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** What `store.json` no longer names. */
async function removeGeneration(folder: string, generation: number): Promise<void> {
  for (const name of [`vectors-${generation}.safetensors`, `records-${generation}.jsonl`]) {
    await rm(join(folder, name), { force: true })
  }
}
