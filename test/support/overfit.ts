/** Trains on one batch again and again: an objective that can be learned must fall. */
import { backward, scope, type Tensor } from '../../src/engine/index.js'
import type { Parameter } from '../../src/models/index.js'
import { AdamW } from '../../src/train/index.js'

/** The losses of some AdamW steps, each before its step. */
export async function overfit(
  parameters: ReadonlyMap<string, Parameter>,
  steps: number,
  loss: (step: number) => Tensor,
  lr = 3e-3,
): Promise<number[]> {
  const trained = Array.from(parameters.values(), ({ value }) => value).filter(({ requiresGrad }) => requiresGrad)
  const optimizer = new AdamW(trained, { lr })
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    optimizer.zeroGrad()
    const made = scope(() => {
      const own = loss(step)
      backward(own)
      return own.detach()
    })
    optimizer.step()
    losses.push(await made.item())
    made.dispose()
  }
  optimizer.zeroGrad()
  optimizer.dispose()
  return losses
}
