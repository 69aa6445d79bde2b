export {
  type CheckpointDescription,
  describeCheckpoint,
  type ModelConfigs,
  parseConfig,
  readDescription,
} from './checkpoint.js'
export {
  type CallOptions,
  ColipriModel,
  type EncodedScan,
  type EncodeImagesOptions,
  type MapOptions,
  type ZeroShotOptions,
} from './colipri/colipri-model.js'
export { type ClassScore, dotProduct, type FindingScore } from './colipri/scores.js'
export type { TextPooling } from './colipri/text-runner.js'
export { type DenseImage, overScan, type PreparedGrid, patchSimilarities, valueRange } from './dense-image.js'
export { hashPath } from './file-hash.js'
export {
  FvlmModel,
  type FvlmScanOptions,
  type FvlmZeroShotOptions,
  type MaskedScan,
  type ScoredOrgans,
  type ScoreScansOptions,
} from './fvlm/fvlm-model.js'
export {
  type CommonLoadOptions,
  type LoadableModels,
  type LoadModelOptions,
  type LoadModelProgress,
  loadModel,
  type ModelName,
  modelNames,
} from './load-model.js'
export { type Pipelines, pipeline, type ZeroShotClassifier } from './pipeline.js'
export { readScan, type ScanFile, type ScanInput, scanName, scanPath } from './prepare-task.js'
export { type PromptPair, type PromptStyle, promptPairs, promptStyles } from './prompts.js'
export { type RandomModel, writeRandomWeights } from './random-weights.js'
export { type StageTimes, Stopwatch } from './stages.js'
