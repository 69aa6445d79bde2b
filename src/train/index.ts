export { AdamW, type AdamWOptions } from './adamw.js'
export {
  type AugmentOptions,
  type AugmentPass,
  type AugmentPlan,
  type AugmentStep,
  augment,
  augmentReference,
  augmentStepsSchema,
  colipriMaskedModellingSteps,
  invertAugmentation,
  parseAugmentSteps,
  planAugmentation,
  type RunAugmentOptions,
  velvetGlobalView,
  velvetLocalSteps,
  velvetSegmentationSteps,
  velvetViewSteps,
} from './augment/index.js'
export { clipGradNorm } from './clip.js'
export * from './config/index.js'
export { Ema } from './ema.js'
export * from './evaluation/index.js'
export { findWeights, loadTaskWeights } from './load-weights.js'
export * from './log/index.js'
export {
  auroc,
  averagePrecision,
  BinaryScores,
  type BleuOptions,
  type BleuSmoothing,
  type BootstrapInterval,
  type BootstrapOptions,
  bleu,
  bootstrap,
  type Confusion,
  type ConfusionOptions,
  type DecisionScores,
  decisionScores,
  dice,
  dotProducts,
  evaluateFindings,
  type FindingEvaluation,
  type FindingOptions,
  type FindingScores,
  type FindingTable,
  f1Score,
  hundredThresholds,
  type LabelScores,
  meanDefined,
  type OperatingPoint,
  pairedRetrieval,
  quantile,
  type RetrievalScores,
  type RougeL,
  retrievalScores,
  rougeL,
  type SegmentationOptions,
  type Similarities,
  segmentationScores,
  squaredDistances,
  type Targets,
  type TextPair,
  thresholdsOf,
  tokenize13a,
  tokenizeSpaces,
  transposed,
} from './metrics/index.js'
export {
  Optimizer,
  type OptimizerState,
  type ParameterGroup,
  type ParameterGroups,
  type ParameterState,
} from './optimizer.js'
export * from './parallel/index.js'
export { type BuildContext, type Recipe, recipeRegistry } from './recipe.js'
export * from './recipes/index.js'
export {
  type CosineOptions,
  cosine,
  type EpochCosineOptions,
  epochCosine,
  type Schedule,
  type WarmupCosineOptions,
  type WarmupPolyOptions,
  warmupCosine,
  warmupPoly,
} from './schedules.js'
export { SGD, type SgdOptions } from './sgd.js'
export type {
  ContrastiveObjective,
  Embeddings,
  EvaluationContext,
  HeldOutSplit,
  ObjectiveContext,
  StepContext,
  TaskLoss,
  TrainingTask,
} from './task.js'
export * from './trainer/index.js'
