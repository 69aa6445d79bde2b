export { concat, split, stack } from './join.js'
