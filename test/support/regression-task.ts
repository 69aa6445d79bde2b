/** Loads one sample of the regression that the trainer's tests learn; see regression.ts. */
import { RandomStream, type TaskContext } from '../../src/data/index.js'

export interface RegressionSample {
  readonly x: Float32Array
  readonly y: number
}

/** `y` is a bent function of four numbers; `bad` makes it infinite. */
export function load(item: { readonly seed: number; readonly bad?: boolean }, context: TaskContext): RegressionSample {
  const x = new Float32Array(4)
  new RandomStream(item.seed, 1).fillNormal(x)
  // Augmentation: a draw of the item and the epoch.
  const noise = new RandomStream(context.seed, context.epoch * 1000 + context.index).uniform(-0.01, 0.01)
  const y = item.bad ? Number.POSITIVE_INFINITY : Math.tanh(x[0]! - 2 * x[1]!) + 0.5 * x[2]! + noise
  return { x, y }
}
