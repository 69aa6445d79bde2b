export { max, mean, min, type ReduceOptions, sum } from './reduce.js'
