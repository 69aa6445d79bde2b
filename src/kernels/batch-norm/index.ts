export { type BatchNormOptions, type BatchNormResult, batchNorm } from './batch-norm.js'
