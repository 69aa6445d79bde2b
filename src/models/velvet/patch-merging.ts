import { scope, type Tensor } from '../../engine/index.js'
import { concat } from '../../kernels/join/index.js'
import { slice } from '../../kernels/layout/index.js'
import { pad } from '../../kernels/pad/index.js'
import { LayerNorm, Linear, type Triple } from '../layers/basic.js'
import type { ParameterScope } from '../layers/parameter.js'
import type { Merging } from './config.js'

/** Corners of the 2 x 2 x 2 cell in the order of their channels. */
const corners: Readonly<Record<Merging, readonly Triple[]>> = {
  legacy: [
    [0, 0, 0],
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [1, 0, 1],
    [0, 1, 0],
    [0, 0, 1],
    [1, 1, 1],
  ],
  fixed: [
    [0, 0, 0],
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [1, 1, 0],
    [1, 0, 1],
    [0, 1, 1],
    [1, 1, 1],
  ],
  v2: [
    [0, 0, 0],
    [0, 0, 1],
    [0, 1, 0],
    [0, 1, 1],
    [1, 0, 0],
    [1, 0, 1],
    [1, 1, 0],
    [1, 1, 1],
  ],
}

/** `[N, h, w, d, C]` to `[N, h / 2, w / 2, d / 2, 8 C]`, odd axes filled up with a zero at the end. */
export function gatherCorners(x: Tensor, merging: Merging): Tensor {
  return scope(() => {
    const even = evenAxes(x)
    const lattices = corners[merging].map(([i, j, k]) =>
      slice(even, [[0], [i, even.shape[1]!, 2], [j, even.shape[2]!, 2], [k, even.shape[3]!, 2]]),
    )
    return concat(lattices, 4)
  })
}

function evenAxes(x: Tensor): Tensor {
  const surplus = x.shape.slice(1, 4).map((extent) => extent % 2)
  if (surplus.every((count) => count === 0)) return x
  return pad(x, [[0, 0], ...surplus.map((count): [number, number] => [0, count]), [0, 0]])
}

/** Halves the grid and doubles the channels: eight corners, layer norm, a linear map without bias. */
export class PatchMerging {
  readonly #merging: Merging
  readonly #norm: LayerNorm
  readonly #reduction: Linear

  constructor(parameters: ParameterScope, features: number, merging: Merging) {
    this.#merging = merging
    this.#norm = new LayerNorm(parameters.at('norm'), 8 * features, 1e-5)
    this.#reduction = new Linear(parameters.at('reduction'), {
      inFeatures: 8 * features,
      outFeatures: 2 * features,
      bias: false,
    })
  }

  /** `[N, h, w, d, C]` to `[N, h / 2, w / 2, d / 2, 2 C]`. */
  apply(x: Tensor): Tensor {
    return scope(() => {
      const gathered = scope(() => this.#norm.apply(gatherCorners(x, this.#merging)))
      return this.#reduction.apply(gathered)
    })
  }
}
