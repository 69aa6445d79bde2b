export { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from '../numeric/half.js'
export { cropOrPad, cropOrPadMargins } from './crop.js'
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
export { type Download, type DownloadOptions, downloadFromHub, type HubProgress } from './hub/download.js'
export { HubError, type HubProblem } from './hub/errors.js'
export { parseNifti, type ReadNiftiOptions, readNifti } from './nifti.js'
export { type WriteNiftiOptions, writeNifti } from './nifti-write.js'
export { readNpy, writeNpy } from './numpy/npy.js'
export { NpzFile, openNpz, writeNpz } from './numpy/npz.js'
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
export { UnsafePickleError } from './pickle/errors.js'
export { writePng } from './png.js'
export { type PreprocessStep, parsePreprocessSteps, preprocess, preprocessStepsSchema } from './preprocess.js'
export { RandomStream } from './random.js'
export type { ByteInput } from './ranges.js'
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
export { openSafetensors, SafetensorsFile, writeSafetensors, writeSafetensorsFrom } from './safetensors-file.js'
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
  type OpenTorchOptions,
  openTorchCheckpoint,
  TorchCheckpoint,
  type TorchEntry,
} from './torch/checkpoint.js'
export { TorchRecord, type TorchValue } from './torch/contents.js'
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
export type { FloatDtype } from './weights/cast.js'
export { type Conversion, type ConvertOptions, convertWeights } from './weights/convert.js'
export { type OpenWeightsOptions, openWeights } from './weights/open.js'
export { type Selection, selectWeights } from './weights/select.js'
export type { WeightSource } from './weights/source.js'
