export { Colipri, type ColipriOptions } from './colipri.js'
export { type ColipriConfig, colipriConfigSchema, colipriPublished, colipriTiny } from './config.js'
export { ImageEncoder, type TokenGrid } from './image-encoder.js'
export { colipriParameters, countColipriElements } from './parameters.js'
export {
  type ColipriPreprocessingOptions,
  type ColipriRoute,
  colipriGrid,
  colipriPreprocessing,
  colipriRoutes,
} from './preprocessing.js'
export { TextEncoder } from './text-encoder.js'
export { type WindowStarts, windowStarts } from './windows.js'
