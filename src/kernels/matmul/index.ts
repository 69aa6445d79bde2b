export { linear } from './linear.js'
export { type MatmulOptions, matmul } from './matmul.js'
