import type { Tensor } from '../../../../src/engine/index.js'
import { infoNCE, oppositeSentence, type Positives, sigLip } from '../../../../src/kernels/contrastive/index.js'
import {
  bceWithLogits,
  cosineSimilarity,
  crossEntropy,
  diceCE,
  l1,
  l2Normalize,
  maskedMse,
  mse,
  type ReductionOptions,
  smoothL1,
} from '../../../../src/kernels/losses/index.js'
import type { OpAdapter, OpAdapters } from './adapter.js'
import { channelsLast } from './reductions.js'

const ofPair =
  (fn: (a: Tensor, b: Tensor, options: ReductionOptions) => Tensor): OpAdapter =>
  ({ x, params }) => ({ loss: fn(x.a!, x.b!, { reduction: params.reduction }) })

const positiveModes: Record<string, Positives['mode']> = { multi_out: 'outside', multi_in: 'inside' }

export const lossesAdapters: OpAdapters = {
  cross_entropy({ x, params }) {
    // Golden logits have their classes on axis 1; soft targets have the logits' shape.
    const soft = params.soft_targets === true
    return {
      loss: crossEntropy(channelsLast(x.logits!), soft ? channelsLast(x.target!) : x.target!, {
        labelSmoothing: params.label_smoothing,
        ignoreIndex: params.ignore_index,
        classWeight: x.class_weight,
        reduction: params.reduction,
      }),
    }
  },
  bce_with_logits: ({ x, params }) => ({
    loss: bceWithLogits(x.logits!, x.target!, { posWeight: x.pos_weight, reduction: params.reduction }),
  }),
  mse: ofPair(mse),
  l1: ofPair(l1),
  smooth_l1: ({ x, params }) => ({
    loss: smoothL1(x.a!, x.b!, { beta: params.beta, reduction: params.reduction }),
  }),
  masked_mse: ({ x }) => ({ loss: maskedMse(x.a!, x.b!, x.mask!) }),
  cosine_similarity: ({ x, params }) => ({
    y: cosineSimilarity(x.a!, x.b!, { axis: params.axis, eps: params.eps }),
  }),
  l2_normalize: ({ x, params }) => ({ y: l2Normalize(x.x!, { axis: params.axis, eps: params.eps }) }),
  dice_ce({ x, params }) {
    const { loss, ce, dice } = diceCE(channelsLast(x.logits!), x.target!, {
      batchDice: params.batch_dice,
      includeBackground: params.include_background,
      smooth: params.smooth,
    })
    return { loss, ce, dice }
  },
  info_nce({ x, params }) {
    const { loss, logits } = infoNCE(x.image!, x.text!, {
      temperature: x.temperature!,
      normalize: params.normalize,
      symmetric: params.symmetric,
      labelSmoothing: params.label_smoothing,
      positives: x.positives && { mask: x.positives, mode: positiveModes[params.mode]! },
      targets: x.target_i2t && { imageToText: x.target_i2t, textToImage: x.target_t2i },
      withLogits: true,
    })
    return { loss, logits: logits! }
  },
  siglip: ({ x, params }) => ({
    loss: sigLip(x.image!, x.text!, { logScale: x.log_scale!, bias: x.bias!, normalize: params.normalize }),
  }),
  opposite_sentence: ({ x, params }) => ({
    loss: oppositeSentence(x.image!, x.positive!, x.negative!, x.label!, {
      temperature: x.temperature!,
      normalize: params.normalize,
    }),
  }),
}
