export { type TopKOptions, topK } from './topk.js'
