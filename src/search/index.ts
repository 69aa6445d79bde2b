export { ExactIndex, type Match } from './exact-index.js'
