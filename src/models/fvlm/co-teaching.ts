/**
 * The paper's co-teaching in our reading, for which no code is published: two models that began differently learn from
 * the same batch, and each softens the other's targets among abnormal samples.
 */

import type { Tensor } from '../../engine/index.js'
import { ValueError } from '../../engine/index.js'
import { add } from '../../kernels/elementwise/index.js'
import { type OrganPairs, organLoss, teaches } from './objective.js'

/** What one of the two models makes of a batch. */
export interface Taught {
  readonly organs: readonly OrganPairs[]
  readonly temperature: Tensor
}

/**
 * The losses of both models, each the sum over the anatomies that teach something; undefined if none does. Both must have
 * embedded the same samples of the same anatomies; `alpha` is the part of the targets that the other model decides.
 */
export function coTeachingLosses(first: Taught, second: Taught, alpha = 0.5): readonly [Tensor, Tensor] | undefined {
  if (first.organs.map(({ anatomy }) => anatomy).join() !== second.organs.map(({ anatomy }) => anatomy).join()) {
    throw new ValueError('fvlm: co-teaching compares the same anatomies of the same samples, in the same order')
  }
  const lossOf = (own: Taught, peer: Taught): Tensor | undefined =>
    own.organs
      .flatMap((pairs, n) => {
        if (!teaches(pairs.captions, pairs.anatomy)) return []
        const { image: peerImage, text: peerText } = peer.organs[n]!
        return [organLoss(pairs, own.temperature, { peerImage, peerText, peerTemperature: peer.temperature, alpha })]
      })
      .reduce<Tensor | undefined>((sum, loss) => (sum ? add(sum, loss) : loss), undefined)
  const [own, other] = [lossOf(first, second), lossOf(second, first)]
  return own && other && [own, other]
}
