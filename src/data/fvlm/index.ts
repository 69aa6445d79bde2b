export {
  type AnatomyGroup,
  anatomyGroups,
  groupedLabels,
  type LabelMapping,
  parseLabelMapping,
  totalSegmentatorLabels,
} from './anatomies.js'
export { type AugmentOptions, type CropDraw, cropAndFlip, drawCrop } from './augment.js'
export {
  type AnatomyCaption,
  composeCaption,
  composeCaptions,
  type Decomposition,
  parseDecomposition,
} from './captions.js'
export * from './decompose/index.js'
export { checkHounsfield, rescaleToHounsfield } from './hounsfield.js'
export { mergeLabels, missingMask, NoAnatomyError, requireMapping } from './labels.js'
export { type CtRateMetadata, ctRateMetadataColumns, fixCtRateVolume } from './metadata.js'
export {
  cropToAnatomies,
  type FvlmPreprocessing,
  fvlmPreprocessing,
  type PreparedFvlmScan,
  type PrepareFvlmOptions,
  prepareFvlmScan,
  type ResampledScan,
  resampleForFvlm,
  windowHounsfield,
} from './prepare.js'
