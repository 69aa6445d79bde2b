export { ExactIndex, type Match } from './exact-index.js'
export { type ExactStore, openExactStore } from './exact-store.js'
export { type LanceStore, openLanceStore } from './lance-store.js'
export { openStore, type StoreBackend, storeBackends } from './open.js'
export {
  ModelMismatchError,
  type Neighbour,
  type StoreModel,
  type VectorRecord,
  type VectorStore,
} from './store.js'
