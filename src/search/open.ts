import { type ExactStore, openExactStore } from './exact-store.js'
import { type LanceStore, openLanceStore } from './lance-store.js'
import type { StoreModel } from './store.js'

const backends = { exact: openExactStore, lancedb: openLanceStore }

export type StoreBackend = keyof typeof backends

export const storeBackends = Object.keys(backends) as readonly StoreBackend[]

/** Opens the store at a place, or with `create` makes one; errors are those of `openExactStore` and `openLanceStore`. */
export async function openStore(
  location: string,
  backend: StoreBackend = 'exact',
  create?: StoreModel,
): Promise<ExactStore | LanceStore> {
  return await backends[backend](location, create)
}
