export { nearest } from './nearest.js'
export { checkConfig, configName, findConfig, type ReadConfigOptions, readConfig, type TrainingConfig } from './read.js'
export {
  type OptimizerOptions,
  type OutputOptions,
  outputSchema,
  type ScheduleOptions,
  type TrainOptions,
  trainSchema,
} from './schema.js'
