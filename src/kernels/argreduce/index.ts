export { type ArgReduceOptions, argMax, argMin } from './argreduce.js'
