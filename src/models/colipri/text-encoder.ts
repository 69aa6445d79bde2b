/** COLIPRI's text tower: BERT and an attention pooler, no projector. */
import { scope, type Tensor } from '../../engine/index.js'
import { AttentionPooler } from '../layers/attention-pooler.js'
import { BertEncoder } from '../layers/bert.js'
import type { ParameterScope } from '../layers/parameter.js'
import type { ColipriConfig } from './config.js'

export class TextEncoder {
  readonly backbone: BertEncoder
  readonly pooler: AttentionPooler

  constructor(encoder: ParameterScope, { text, projectionFeatures }: ColipriConfig) {
    this.backbone = new BertEncoder(encoder.at('backbone'), { ...text, features: projectionFeatures })
    this.pooler = new AttentionPooler(encoder.at('pooler').at('attn'), {
      features: projectionFeatures,
      heads: text.poolerHeads,
    })
  }

  /**
   * Ids `[N, T]` and mask `[N, T]` (1 = token) to pooled text `[N, features]`. The package's first releases let padding
   * into the pooling (`maskedPooling: false`); later ones mask it.
   */
  encode(ids: Tensor, mask: Tensor, { maskedPooling = true }: { readonly maskedPooling?: boolean } = {}): Tensor {
    return scope(() => this.pooler.apply(this.backbone.apply(ids, mask), maskedPooling ? mask : undefined))
  }
}
