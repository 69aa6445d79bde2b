export type { Resize3dOptions, ResizeMode, VolumeSize } from './axes.js'
export { resize3d } from './resize.js'
