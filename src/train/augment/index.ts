export type { AugmentOptions, AugmentPass, AugmentPlan } from './plan.js'
export { planAugmentation } from './plan.js'
export {
  colipriMaskedModellingSteps,
  velvetGlobalView,
  velvetLocalSteps,
  velvetSegmentationSteps,
  velvetViewSteps,
} from './recipes.js'
export { augmentReference } from './reference.js'
export { augment, invertAugmentation, type RunAugmentOptions } from './run.js'
export { type AugmentStep, augmentStepsSchema, parseAugmentSteps } from './steps.js'
