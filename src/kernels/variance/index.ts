export { normL2 } from './norm-l2.js'
export { type VarianceOptions, variance } from './variance.js'
