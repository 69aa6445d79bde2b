export * from './colipri/index.js'
export { describeWeights, descriptionKeys, type WeightsDescription } from './description.js'
export { runDevicePlan } from './device-plan.js'
export * from './fvlm/index.js'
export { AttentionPooler } from './layers/attention-pooler.js'
export { LayerNorm, Linear, PatchEmbedding } from './layers/basic.js'
export { BertEncoder, type BertOptions } from './layers/bert.js'
export { type Dropping, dropAtRandom, keepEverything } from './layers/dropping.js'
export { EvaBlock, type EvaBlockOptions } from './layers/eva-block.js'
export { PackedAttention, type PackedAttentionParts } from './layers/packed-attention.js'
export { type Initializer, Parameter, ParameterScope } from './layers/parameter.js'
export { PatchDecoder, type PatchDecoderOptions, patchDecoderChannels } from './layers/patch-decoder.js'
export * from './velvet/index.js'
export {
  initializeWeights,
  type LoadOptions,
  type LoadProgress,
  type LoadReport,
  loadWeights,
  type WeightSource,
  WeightsError,
} from './weights.js'
export { type ModelWorkloads, modelWorkloads } from './workloads.js'
