import { type Device, noGrad, tensor } from '../../src/engine/index.js'
import { Colipri } from '../../src/models/index.js'
import { caseValues } from '../support/arrays.js'
import { tinyConfig } from '../support/colipri.js'

/** The embedding of a made-up volume by a small COLIPRI with seeded weights: equal on every adapter, up to rounding. */
export async function embedTiny(device: Device): Promise<number[]> {
  const shape = [1, ...tinyConfig.image.inputSize, 1]
  using model = new Colipri(device, { config: tinyConfig, imageOnly: true }).initialize(1)
  using volume = tensor(device, caseValues({ shape }, 1), shape)
  using embedding = noGrad(() => model.embedImage(volume))
  return Array.from(await embedding.data())
}
