/** fVLM's text tower: CXR-BERT without token types; the state of the first token is projected. */
import { scope, type Tensor } from '../../engine/index.js'
import { reshape, slice } from '../../kernels/layout/index.js'
import { l2Normalize } from '../../kernels/losses/index.js'
import { Linear } from '../layers/basic.js'
import { BertEncoder } from '../layers/bert.js'
import { type Dropping, keepEverything } from '../layers/dropping.js'
import { fanInUniform, type ParameterScope } from '../layers/parameter.js'
import type { FvlmConfig } from './config.js'

export class TextEncoder {
  readonly backbone: BertEncoder
  readonly #projection: Linear

  constructor(model: ParameterScope, { text, projectionFeatures }: FvlmConfig) {
    this.backbone = new BertEncoder(model.at('text_encoder'), { ...text, tokenTypes: 0 })
    this.#projection = new Linear(model.at('text_proj'), {
      inFeatures: text.features,
      outFeatures: projectionFeatures,
      biasInitial: fanInUniform(text.features),
    })
  }

  /** Last hidden state `[N, T, features]` to projected texts `[N, projection]`, not normalised. */
  project(hidden: Tensor): Tensor {
    const [n, , features] = hidden.shape as [number, number, number]
    return scope(() =>
      this.#projection.apply(
        reshape(
          slice(hidden, [
            [0, n],
            [0, 1],
          ]),
          [n, features],
        ),
      ),
    )
  }

  /** Ids `[N, T]` i32 and mask `[N, T]` (1 = token) to unit vectors `[N, projection]`. */
  embed(ids: Tensor, mask: Tensor, dropping: Dropping = keepEverything): Tensor {
    return scope(() => l2Normalize(this.project(this.backbone.apply(ids, mask, dropping)), { axis: 1 }))
  }
}
