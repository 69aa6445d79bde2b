export { identityMap, type WarpMap } from './maps.js'
export { type Warp3dOptions, type WarpInterpolation, warp3d } from './warp3d.js'
