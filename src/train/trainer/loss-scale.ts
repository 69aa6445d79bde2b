/** Dynamic loss scaling (Micikevicius et al., "Mixed precision training", 2018). */
import { TrainingError } from './errors.js'

export interface LossScaleState {
  readonly scale: number
  /** Steps without overflow since the scale last changed. */
  readonly goodSteps: number
}

/** Below this no overflow can be the scale's fault. */
const smallestScale = 2 ** -14
const largestScale = 2 ** 24

/** Multiplies the loss so that small gradients survive f16: halves where gradients overflow, doubles where they did not for long. */
export class LossScale {
  #state: LossScaleState
  readonly #growthSteps: number

  constructor({ initial, growthSteps }: { readonly initial: number; readonly growthSteps: number }) {
    this.#state = { scale: initial, goodSteps: 0 }
    this.#growthSteps = growthSteps
  }

  get scale(): number {
    return this.#state.scale
  }

  get state(): LossScaleState {
    return this.#state
  }

  restore(state: LossScaleState): void {
    this.#state = state
  }

  /** Notes a step. Throws a TrainingError when gradients overflow at every scale. */
  update(step: number, overflowed: boolean): void {
    const { scale, goodSteps } = this.#state
    if (overflowed) {
      if (scale / 2 < smallestScale) {
        throw new TrainingError(
          `step ${step}: gradients overflow f16 at every loss scale down to ${scale}. ` +
            'Lower train.optimizer.lr, or train with train.precision=f32',
        )
      }
      this.#state = { scale: scale / 2, goodSteps: 0 }
    } else if (goodSteps + 1 >= this.#growthSteps) {
      this.#state = { scale: Math.min(2 * scale, largestScale), goodSteps: 0 }
    } else {
      this.#state = { scale, goodSteps: goodSteps + 1 }
    }
  }
}
