export { type AxisOption, gather, scatter, scatterAdd } from './gather.js'
export { indexSelect } from './index-select.js'
export { maskedFill } from './masked-fill.js'
