export { Colipri, type ColipriOptions } from './colipri.js'
export { type ColipriConfig, colipriConfigSchema, colipriPublished, colipriTiny } from './config.js'
export { type GeneratedReport, type GenerateOptions, generateReports } from './generate.js'
export { ImageEncoder, type TokenGrid } from './image-encoder.js'
export { drawKeptPatches, type KeptPatches, MaskedImageDecoder, maskedModelling } from './masked-modelling.js'
export { colipriParameters, countColipriElements } from './parameters.js'
export {
  type ColipriPreprocessingOptions,
  type ColipriRoute,
  colipriGrid,
  colipriPreprocessing,
  colipriRoutes,
} from './preprocessing.js'
export {
  ColipriPretraining,
  type ColipriPretrainingOptions,
  type OppositeTensors,
  type TextTensors,
} from './pretraining.js'
export { ReportDecoder, type ReportDecoderOptions, reportLoss } from './report-decoder.js'
export { TextEncoder } from './text-encoder.js'
export { type WindowStarts, windowStarts } from './windows.js'
