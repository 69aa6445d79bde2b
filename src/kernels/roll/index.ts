export { roll } from './roll.js'
