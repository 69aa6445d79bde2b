export { type EmbeddingOptions, embedding } from './embedding.js'
