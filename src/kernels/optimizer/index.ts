export { type AdamWStep, adamwStep } from './adamw.js'
export { averageStep } from './average.js'
export { type GlobalNorm, globalNorm, scaleByFactor } from './clip.js'
export { type SgdStep, sgdStep } from './sgd.js'
