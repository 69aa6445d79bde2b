export type { EpilogueOptions } from './epilogue.js'
export { linear } from './linear.js'
export { type MatmulOptions, matmul } from './matmul.js'
