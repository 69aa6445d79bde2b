export { logSumExp } from './log-sum-exp.js'
export { logSoftmax, type SoftmaxOptions, softmax } from './softmax.js'
