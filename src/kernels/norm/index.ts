export { type GroupNormOptions, groupNorm, type InstanceNormOptions, instanceNorm } from './group-norm.js'
export { type LayerNormOptions, layerNorm, type RmsNormOptions, rmsNorm } from './row-norm.js'
