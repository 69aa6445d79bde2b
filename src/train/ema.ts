import { keep, type Tensor, ValueError, zeros } from '../engine/index.js'
import { averageSteps } from '../kernels/optimizer/index.js'

/** Exponential moving averages of f32 parameters, which start as copies of them. */
export class Ema {
  readonly parameters: readonly Tensor[]
  /** One per parameter, in their order; they live until {@link dispose}. */
  readonly averages: readonly Tensor[]
  readonly decay: number

  /** @param decay what stays of the average at each update, as in 0.999. */
  constructor(parameters: readonly Tensor[], decay: number) {
    if (!(decay >= 0 && decay <= 1)) throw new ValueError(`Ema: the decay must be from 0 to 1, got ${decay}`)
    this.parameters = parameters
    this.decay = decay
    this.averages = parameters.map(({ device, shape }) => keep(zeros(device, shape)))
    averageSteps(this.averages, parameters, 0)
  }

  /** `average = decay * average + (1 - decay) * parameter`: after each optimizer step. */
  update(): void {
    averageSteps(this.averages, this.parameters, this.decay)
  }

  dispose(): void {
    for (const average of this.averages) average.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
