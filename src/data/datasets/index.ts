export {
  type CheckFinding,
  type CheckOptions,
  checkDataset,
  type DatasetCheck,
  type SplitCounts,
  type Spread,
} from './check.js'
export { type CtRateOptions, ctRateEvaluationStudies, ctRateFindings, openCtRate } from './ct-rate.js'
export type { ImageFacts, ImageFault } from './inspect-image.js'
export { type M3dCapOptions, openM3dCap } from './m3d-cap.js'
export { type DatasetLayout, datasetLayouts, detectLayout, openDataset } from './open.js'
export { type PartitionOptions, partitionByPatient } from './partition.js'
export { readPictureSlices } from './picture-slices.js'
export { openRadChestCt, radChestCtAsCtRate } from './rad-chestct.js'
export { defaultImageReaders, type ImageReaders, readChannels, readImage, sourcePath } from './read-image.js'
export { openSegmentationFolder } from './segmentation-folder.js'
export {
  type Dataset,
  type DatasetProblem,
  type ImageSource,
  imagesOf,
  type Report,
  type Split,
  type Study,
  type StudyImage,
  splits,
} from './study.js'
export { openTable } from './table.js'
