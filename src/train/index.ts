export { AdamW, type AdamWOptions } from './adamw.js'
export { clipGradNorm } from './clip.js'
export { Ema } from './ema.js'
export {
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
  type ParameterGroups,
  type ParameterState,
} from './optimizer.js'
export {
  type CosineOptions,
  cosine,
  type Schedule,
  type WarmupCosineOptions,
  type WarmupPolyOptions,
  warmupCosine,
  warmupPoly,
} from './schedules.js'
export { SGD, type SgdOptions } from './sgd.js'
