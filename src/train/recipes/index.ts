export { recipes } from './registry.js'
