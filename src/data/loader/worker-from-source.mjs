// Starts the loader's worker in a checkout: worker threads do not inherit tsx. The package has no use for this file.
import { register } from 'tsx/esm/api'

register()
await import(new URL('./worker.ts', import.meta.url).href)
