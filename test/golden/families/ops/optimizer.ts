import type { OpAdapters } from './adapter.js'

export const optimizerAdapters: OpAdapters = {}
