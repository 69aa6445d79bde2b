export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from '../numeric/half.js'
export type { NamedBytes } from './byte-source.js'
export { cropOrPad, cropOrPadMargins, cutBox, padToAtLeast, type Surplus, type VoxelBox } from './crop.js'
export { type CsvRow, readCsv } from './datasets/csv.js'
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
export { type AcceptableDicomIssue, acceptableDicomIssues, type DicomIssue, DicomIssueError } from './dicom/issues.js'
export { type DicomMask, type DicomMaskOptions, isDicomMask, readDicomMask } from './dicom/mask.js'
export type { MaskGrid, MaskSegment, Overlap } from './dicom/mask-target.js'
export { DataError, type DataErrorOptions, NotSupportedDataError } from './errors.js'
export { cropForeground, type ForegroundOptions, foregroundBox } from './foreground.js'
export * from './fvlm/index.js'
export {
  type Affine,
  affineColumn,
  affineFromColumns,
  applyAffine,
  invertAffine,
  multiplyAffines,
  type Triple,
} from './geometry.js'
export { matchesAny } from './glob.js'
export { type Grid, type GridChange, type GridHistory, type GridRecord, gridOf } from './history.js'
export { type Download, type DownloadOptions, downloadFromHub, type HubProgress } from './hub/download.js'
export { HubError, type HubProblem } from './hub/errors.js'
export type { Interpolation } from './interpolate.js'
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
export { type WriteMetaImageOptions, writeMetaImage } from './metaimage/write.js'
export {
  type NiftiVolume,
  parseNifti,
  type ReadNiftiOptions,
  readNifti,
} from './nifti.js'
export { type WriteNiftiOptions, writeNifti } from './nifti-write.js'
export { type WriteNrrdOptions, writeNrrd } from './nrrd/write.js'
export { readNpy, writeNpy } from './numpy/npy.js'
export { NpzFile, openNpz, writeNpz } from './numpy/npz.js'
export { axisCodes, reorient } from './orientation.js'
export * from './phantom/index.js'
export { UnsafePickleError } from './pickle/errors.js'
export type { Colour, RgbImage } from './picture/canvas.js'
export { labelColour } from './picture/labels.js'
export { encodePng, writePng } from './picture/png.js'
export { renderOrthogonalSlices, type SliceOptions } from './picture/slices.js'
export { type IntensityWindow, type WindowPreset, windowPresets } from './picture/windows.js'
export { type DevicePass, type DevicePlan, planPreprocess, planResampleToGrid } from './preprocess/device-plan.js'
export { readAndPreprocess } from './preprocess/prepare-file.js'
export { preprocess } from './preprocess/preprocess.js'
export {
  type InvertOptions,
  invertPreprocess,
  type PreprocessRecord,
  parsePreprocessRecord,
  preprocessRecorded,
  replayPreprocess,
} from './preprocess/record.js'
export {
  type NormalizeOptions,
  type PreprocessStep,
  parsePreprocessSteps,
  preprocessStepsSchema,
  type ResolvedStep,
} from './preprocess/steps.js'
export { RandomStream } from './random.js'
export type { ByteInput } from './ranges.js'
export { type ReadVolumeOptions, readVolume, readVolumeInfo, type VolumeInfo } from './read-volume.js'
export * from './reports/index.js'
export {
  type Antialias,
  type ResampleOptions,
  type ResampleToGridOptions,
  resampleToGrid,
  resampleToSpacing,
} from './resample.js'
export { type RestoreOptions, restoreGrid } from './restore.js'
export { encodeSafetensors, type ParsedSafetensors, parseSafetensors, type SafetensorsInput } from './safetensors.js'
export {
  type SafetensorsDtype,
  type SafetensorsHeader,
  type SafetensorsTensor,
  type TensorArray,
  toFloat32,
  toFloat64,
} from './safetensors-dtypes.js'
export { openSafetensors, SafetensorsFile, writeSafetensors, writeSafetensorsFrom } from './safetensors-file.js'
export { antialiasSigma, type SampledAxis, sampleAxis } from './sampling-grid.js'
export type { SamplingRule } from './sampling-rules.js'
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
export { readText as readTextFile, writeTextAtomically } from './text/text-file.js'
export {
  type OpenTorchOptions,
  openTorchCheckpoint,
  TorchCheckpoint,
  type TorchEntry,
} from './torch/checkpoint.js'
export { TorchRecord, type TorchValue } from './torch/contents.js'
export {
  contiguous,
  type DicomSource,
  type MetaImageSource,
  type NiftiSource,
  type NrrdSource,
  spacingMm,
  type Volume,
  type VolumeSource,
  validateVolume,
  volumeFromArray,
  voxelAt,
} from './volume.js'
export { type VoxelArray, type VoxelType, voxelType } from './voxels.js'
export type { FloatDtype } from './weights/cast.js'
export { type Conversion, type ConvertOptions, convertWeights } from './weights/convert.js'
export { type OpenWeightsOptions, openWeights } from './weights/open.js'
export { type Selection, selectWeights } from './weights/select.js'
export type { WeightSource } from './weights/source.js'
export type { WorldFrame } from './world-frames.js'
export { writeVolume } from './write-volume.js'
