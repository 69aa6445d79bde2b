export { type AttentionOptions, attention } from './attention.js'
export { type MultiheadAttentionOptions, multiheadAttention } from './multihead.js'
