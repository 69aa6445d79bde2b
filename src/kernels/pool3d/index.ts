export { type AvgPool3dOptions, adaptiveAvgPool3d, avgPool3d } from './average-pool.js'
export { adaptiveMaxPool3d, type MaxPool3dOptions, maxPool3d } from './max-pool.js'
export type { PerAxis, SlidingOptions } from './windows.js'
