export {
  auroc,
  averagePrecision,
  BinaryScores,
  type ConfusionOptions,
  hundredThresholds,
  type OperatingPoint,
} from './binary-scores.js'
export { type BleuOptions, type BleuSmoothing, bleu, type TextPair } from './bleu.js'
export { type BootstrapInterval, type BootstrapOptions, bootstrap, quantile } from './bootstrap.js'
export { type Confusion, type DecisionScores, decisionScores, f1Score } from './confusion.js'
export { squaredDistances } from './distance-transform.js'
export {
  evaluateFindings,
  type FindingEvaluation,
  type FindingOptions,
  type FindingScores,
  type FindingTable,
  meanDefined,
  thresholdsOf,
} from './findings.js'
export {
  dotProducts,
  pairedRetrieval,
  type RetrievalScores,
  retrievalScores,
  type Similarities,
  type Targets,
  transposed,
} from './retrieval.js'
export { type RougeL, rougeL } from './rouge.js'
export { dice, type LabelScores, type SegmentationOptions, segmentationScores } from './segmentation.js'
export { tokenize13a, tokenizeSpaces } from './text-tokens.js'
