/** Vectors in LanceDB: a folder or an object store (`s3://`, `gs://`, `az://`), more of them than fit in memory. */
import { z } from 'zod'
import { DataError } from '../data/index.js'
import {
  checkModel,
  type Neighbour,
  type StoreModel,
  unitVector,
  type VectorRecord,
  type VectorStore,
} from './store.js'

const installation = 'npm install @lancedb/lancedb@0.37.1 apache-arrow@18.1.0'

/** Name of the tables: one row that says whose vectors these are, and the vectors. */
const tables = { store: 'voxgrad_store', vectors: 'voxgrad_vectors' } as const

/** What is used of the library, so that its types are not needed to build against this package. */
interface LanceTable {
  countRows(): Promise<number>
  mergeInsert(column: string): {
    whenMatchedUpdateAll(): {
      whenNotMatchedInsertAll(): { execute(rows: readonly Record<string, unknown>[]): Promise<unknown> }
    }
  }
  query(): { select(columns: readonly string[]): { toArray(): Promise<Record<string, unknown>[]> } } & {
    toArray(): Promise<Record<string, unknown>[]>
  }
  vectorSearch(vector: Float32Array): {
    distanceType(type: 'cosine'): { limit(count: number): { toArray(): Promise<Record<string, unknown>[]> } }
  }
  close(): void
}

interface LanceConnection {
  tableNames(): Promise<string[]>
  openTable(name: string): Promise<LanceTable>
  createTable(name: string, rows: readonly Record<string, unknown>[]): Promise<LanceTable>
  close(): void
}

async function connect(location: string): Promise<LanceConnection> {
  // The name is not a literal, so that building against this package does not ask for the library.
  const name: string = '@lancedb/lancedb'
  let library: { connect(uri: string): Promise<LanceConnection> }
  try {
    library = (await import(name)) as typeof library
  } catch (cause) {
    throw new DataError('keeping vectors in LanceDB needs the optional package @lancedb/lancedb', {
      path: location,
      remedy: `Install it: ${installation}`,
      cause,
    })
  }
  try {
    return await library.connect(location)
  } catch (cause) {
    throw new DataError(`cannot be opened: ${cause instanceof Error ? cause.message : cause}`, {
      path: location,
      cause,
    })
  }
}

const storeRow = z.object({ model: z.string(), dimensions: z.coerce.number().int().positive() })

/**
 * Opens a store in LanceDB, or with `create` makes one. Throws a DataError where there is none or the library is missing,
 * and a ModelMismatchError when it is there and holds vectors of another model.
 */
export async function openLanceStore(location: string, create?: StoreModel): Promise<LanceStore> {
  const connection = await connect(location)
  try {
    const names = await connection.tableNames()
    if (!names.includes(tables.store)) {
      if (create === undefined) {
        throw new DataError('holds no index', { path: location, remedy: 'Make one: voxgrad index --backend lancedb' })
      }
      const { model, dimensions } = create
      ;(await connection.createTable(tables.store, [{ model, dimensions }])).close()
      return new LanceStore(location, create, connection, undefined)
    }
    const table = await connection.openTable(tables.store)
    const [row] = await table.query().toArray()
    table.close()
    const parsed = storeRow.safeParse(row)
    if (!parsed.success) throw new DataError('is damaged: it does not say whose vectors it holds', { path: location })
    const vectors = names.includes(tables.vectors) ? await connection.openTable(tables.vectors) : undefined
    const store = new LanceStore(location, parsed.data, connection, vectors)
    if (create) checkModel(store, create.model)
    return store
  } catch (error) {
    connection.close()
    throw error
  }
}

/** Use {@link openLanceStore}. Searches exactly, by scanning; indices of LanceDB can be added to the table from outside. */
export class LanceStore implements VectorStore {
  readonly model: string
  readonly dimensions: number
  readonly #connection: LanceConnection
  /** Made with the first vectors, which give it its columns. */
  #table: LanceTable | undefined

  constructor(
    readonly location: string,
    { model, dimensions }: StoreModel,
    connection: LanceConnection,
    table: LanceTable | undefined,
  ) {
    this.model = model
    this.dimensions = dimensions
    this.#connection = connection
    this.#table = table
  }

  async size(): Promise<number> {
    return (await this.#table?.countRows()) ?? 0
  }

  async ids(): Promise<ReadonlySet<string>> {
    const rows = (await this.#table?.query().select(['id']).toArray()) ?? []
    return new Set(rows.map(({ id }) => String(id)))
  }

  async add(model: string, records: readonly VectorRecord[]): Promise<void> {
    checkModel(this, model)
    // The last record of an id counts, as one after the other.
    const byId = new Map(records.map((record) => [record.id, record]))
    const rows = [...byId.values()].map(({ id, vector, metadata = {} }) => ({
      ...{ id, vector: Array.from(unitVector(vector, this.dimensions, `${this.location}: ${id}`)) },
      metadata: JSON.stringify(metadata),
    }))
    if (rows.length === 0) return
    if (this.#table === undefined) this.#table = await this.#connection.createTable(tables.vectors, rows)
    else await this.#table.mergeInsert('id').whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows)
  }

  async search(model: string, query: ArrayLike<number>, count = 10): Promise<Neighbour[]> {
    checkModel(this, model)
    const unit = unitVector(query, this.dimensions, `${this.location}: the query`)
    if (this.#table === undefined || count === 0) return []
    const rows = await this.#table.vectorSearch(unit).distanceType('cosine').limit(count).toArray()
    const found = rows.map(
      ({ id, _distance, metadata }): Neighbour => ({
        ...{ id: String(id), score: 1 - Number(_distance) },
        metadata: JSON.parse(String(metadata)) as Record<string, unknown>,
      }),
    )
    return found.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
  }

  async close(): Promise<void> {
    this.#table?.close()
    this.#connection.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
