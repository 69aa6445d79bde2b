export type { GemmBinding, GemmClient, GemmOperand, GemmShape, GemmSource } from './client.js'
export { defineGemm, type GemmSkeleton, type GemmSplit } from './gemm.js'
export { skeletons } from './skeletons.js'
export { forOperand } from './source.js'
