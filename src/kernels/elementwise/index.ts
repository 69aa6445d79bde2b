export * from './elementwise.js'
export { type ElementwiseRow, elementwiseOp } from './op.js'
