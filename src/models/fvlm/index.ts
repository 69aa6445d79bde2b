export { coTeachingLosses, type Taught } from './co-teaching.js'
export { type FvlmConfig, fvlmConfigSchema, fvlmPublished, fvlmTiny, trainingCrop } from './config.js'
export { type ScoredScan, zeroShotCsv } from './csv.js'
export {
  embedOrgans,
  type OrganEmbedding,
  type OrganEmbeddings,
  type PreparedScan,
} from './embed-organs.js'
export { fvlmFindings, promptPair, type ZeroShotFinding } from './findings.js'
export { Fvlm, type FvlmOptions, temperatureBounds } from './fvlm.js'
export { initializeFromMae, maeName, maePositions } from './mae.js'
export {
  type CoTeaching,
  captionGroups,
  fvlmLoss,
  groupTargets,
  isNormal,
  normalTemplate,
  type OrganPairs,
  organLoss,
  teaches,
} from './objective.js'
export { OrganPooling, type OrganPoolingOptions, type PooledOrgans } from './organ-pooling.js'
export { intactOrgans, type MaskBatch, organTokens } from './organ-tokens.js'
export { fvlmParameters } from './parameters.js'
export {
  embedBatch,
  encodedCaption,
  type FvlmBatch,
  gatherPairs,
  intactSamples,
  type OrganBatch,
  usedAnatomies,
} from './training.js'
export { type TokenLevels, VisionEncoder as FvlmVisionEncoder } from './vision-encoder.js'
export { cutWindow, type EvaluationWindow, evaluationWindow, type OrganBox, organBoxes } from './windows.js'
export {
  embedTexts,
  type FindingProbability,
  FindingPrompts,
  type TextTokenizer,
  type ZeroShotResult,
  zeroShot,
  zeroShotProbability,
} from './zero-shot.js'
