import { VoxgradError } from '../../engine/index.js'

/** Training cannot go on; the message names the step and what to try. */
export class TrainingError extends VoxgradError {}
