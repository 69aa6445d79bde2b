export { TrainingError } from './errors.js'
export type { EvaluationEvent, StepEvent, TrainingObserver } from './events.js'
export { type TrainerOptions, type TrainingResult, train } from './trainer.js'
