export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from '../numeric/half.js'
export { cropOrPad, cropOrPadMargins } from './crop.js'
export {
  type CheckFinding,
  type CheckOptions,
  type CtRateOptions,
  checkDataset,
  ctRateEvaluationStudies,
  ctRateFindings,
  type Dataset,
  type DatasetCheck,
  type DatasetLayout,
  type DatasetProblem,
  datasetLayouts,
  defaultImageReaders,
  detectLayout,
  type ImageFacts,
  type ImageFault,
  type ImageReaders,
  type ImageSource,
  imagesOf,
  type M3dCapOptions,
  openCtRate,
  openDataset,
  openM3dCap,
  openRadChestCt,
  openSegmentationFolder,
  openTable,
  type PartitionOptions,
  partitionByPatient,
  type Report,
  radChestCtAsCtRate,
  readChannels,
  readImage,
  readPictureSlices,
  type Split,
  type SplitCounts,
  type Spread,
  type Study,
  type StudyImage,
  sourcePath,
  splits,
} from './datasets/index.js'
export { DataError, type DataErrorOptions, NotSupportedDataError } from './errors.js'
export {
  type Affine,
  affineColumn,
  affineFromColumns,
  applyAffine,
  invertAffine,
  multiplyAffines,
  type Triple,
} from './geometry.js'
export {
  type Loaded,
  type LoadedStudy,
  Loader,
  type LoaderBatch,
  LoaderError,
  type LoaderOptions,
  type LoadTask,
  type StudyItem,
  type StudyLoaderOptions,
  studyLoader,
  type TaskContext,
  type TaskModule,
} from './loader/index.js'
export { parseNifti, type ReadNiftiOptions, readNifti } from './nifti.js'
export { type WriteNiftiOptions, writeNifti } from './nifti-write.js'
export { axisCodes, reorient } from './orientation.js'
export {
  type EffusionOptions,
  makeChestPhantom,
  type NoduleOptions,
  type Phantom,
  type PhantomOptions,
} from './phantom.js'
export { type LungLobe, lungLobes, type PhantomLabel, phantomLabels } from './phantom-anatomy.js'
export type { PhantomFinding } from './phantom-findings.js'
export { writePng } from './png.js'
export { type PreprocessStep, parsePreprocessSteps, preprocess, preprocessStepsSchema } from './preprocess.js'
export { RandomStream } from './random.js'
export { type Antialias, type ResampleOptions, resampleToSpacing } from './resample.js'
export { encodeSafetensors, type ParsedSafetensors, parseSafetensors, type SafetensorsInput } from './safetensors.js'
export {
  type SafetensorsDtype,
  type SafetensorsHeader,
  type SafetensorsTensor,
  type TensorArray,
  toFloat32,
  toFloat64,
} from './safetensors-dtypes.js'
export { openSafetensors, SafetensorsFile, writeSafetensors } from './safetensors-file.js'
export { antialiasSigma, type SampledAxis, sampleAxis } from './sampling-grid.js'
export {
  type IntensityWindow,
  type RgbImage,
  renderOrthogonalSlices,
  type SliceOptions,
  type WindowPreset,
  windowPresets,
} from './slices.js'
export {
  type EncodeBatchOptions,
  type EncodedBatch,
  type EncodeOptions,
  type Encoding,
  m3dHeaderWords,
  parseReportSections,
  parseVocabulary,
  type ReportSection,
  readTokenizer,
  reportSection,
  type SectionKind,
  type SentenceSplitter,
  type SpecialIds,
  splitClinicalSentences,
  splitSentences,
  splitUpstreamSentences,
  type TextSpan,
  tokenizerFromJson,
  Vocabulary,
  type WordPieceOptions,
  WordPieceTokenizer,
} from './text/index.js'
export { writeTextAtomically } from './text/text-file.js'
export {
  contiguous,
  spacingMm,
  type Volume,
  type VolumeSource,
  validateVolume,
  volumeFromArray,
  voxelAt,
} from './volume.js'
export { type VoxelArray, type VoxelType, voxelType } from './voxels.js'
