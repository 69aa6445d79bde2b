export { type AdamWStep, adamwSteps } from './adamw.js'
export { averageSteps } from './average.js'
export { type GlobalNorm, globalNorm, scaleByFactor } from './clip.js'
export { type SgdStep, sgdSteps } from './sgd.js'
