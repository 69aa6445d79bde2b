export {
  type AugmentedViews,
  augmentViews,
  type DropBox,
  type DropOptions,
  type DropPass,
  drawDrops,
  dropVoxels,
  localCrop,
  noiseCount,
  normalNumbers,
  turnSamples,
  turnVolume,
} from './augment.js'
export {
  type Merging,
  type SwinConfig,
  type TriBertConfig,
  triBertPublished,
  type VelvetConfig,
  velvetConfigSchema,
  velvetPublished,
  velvetVision,
} from './config.js'
export {
  type CandidateOptions,
  candidateScores,
  exchanged,
  type QuestionOptions,
  questionSentences,
} from './evaluation.js'
export { ConvolutionReconstruction, FusionAdapter, LinearReconstruction, MaskedTokenHead, YesNoHead } from './heads.js'
export { type HostVolume, type LabelVolumeOptions, labelVolume } from './label-volume.js'
export {
  drawRows,
  type LocalContrast,
  type LocalContrastOptions,
  localContrast,
  localSimilarity,
  matchingWeights,
  type ReportContrast,
  regionAttention,
  reportContrast,
  type VisionLosses,
  viewContrast,
  visionLosses,
} from './objectives.js'
export {
  globalView,
  halveStack,
  m3dPreprocessing,
  pickedSlices,
  velvetScanPreprocessing,
  velvetSegmentationPreprocessing,
  velvetSide,
} from './preprocessing.js'
export {
  contrastLevels,
  type Negatives,
  type PretrainingBatch,
  type PretrainingLosses,
  type PretrainingOptions,
  pretrainingLosses,
} from './pretraining.js'
export { type SegmenterOptions, VelvetSegmenter, velvetClasses } from './segmenter.js'
export { segmenterConfigOf } from './segmenter-config.js'
export { type SentenceMaskOptions, sentenceMask } from './sentence-mask.js'
export { gaussianImportance, type SlidingWindowOptions, slidingStarts, slidingWindow } from './sliding-window.js'
export { checkMerging, mergingMetadata, storedMerging } from './stored-merging.js'
export { type EncodeOptions, SwinEncoder } from './swin-encoder.js'
export { SwinUnetr, type SwinUnetrConfig } from './swin-unetr.js'
export { type LevelTokens, levelVectors, reportVector, type TextLevels, textLevels } from './text-levels.js'
export {
  drawMasking,
  type MaskedTokens,
  type MaskingDraws,
  maskTokens,
  type PieceTokenizer,
  reportTokens,
  type TokenRows,
} from './text-tokens.js'
export { type TextRows, TriBert, type TriBertOptions } from './tribert.js'
export { type TextLevelVectors, Velvet, type VelvetOptions, type VolumeLevels } from './velvet.js'
export {
  loadByRule,
  loadCxrBert,
  type NameRule,
  renameWeights,
  velvetWeightRules,
  type WeightReport,
} from './weight-rules.js'
