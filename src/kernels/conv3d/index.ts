export type { ActivationName } from '../elementwise/activation.js'
export { type ConvTranspose3dOptions, convTranspose3d } from './conv-transpose3d.js'
export { type Conv3dOptions, conv3d } from './conv3d.js'
export type { Triple } from './geometry.js'
