/** The front door: what an application imports. The folders have faces of their own (`voxgrad/engine` …). */

export {
  prepareFvlmScan,
  preprocess,
  readNifti,
  readVolume,
  type Volume,
  writeNifti,
  writeVolume,
} from './data/index.js'
export {
  backward,
  type Device,
  type DeviceOptions,
  gradients,
  noGrad,
  scope,
  Tensor,
  tensor,
} from './engine/index.js'
export {
  type ColipriModel,
  type DenseImage,
  type EncodedScan,
  type FindingScore,
  type FvlmModel,
  type LoadModelOptions,
  loadModel,
  pipeline,
  type ScanInput,
  type ZeroShotClassifier,
} from './inference/index.js'
export {
  Colipri,
  colipriPreprocessing,
  colipriPublished,
  FindingPrompts,
  Fvlm,
  fvlmPublished,
  zeroShot,
} from './models/index.js'
export { ExactIndex, openStore, type VectorStore } from './search/index.js'
export { openDevice, type TunedDeviceOptions } from './tuning/index.js'
