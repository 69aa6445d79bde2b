/** fVLM's training objective: per anatomy a contrastive loss that knows which captions mean the same; their sum. */
import { noGrad, ShapeError, scope, type Tensor, tensor, ValueError } from '../../engine/index.js'
import { infoNCE } from '../../kernels/contrastive/index.js'
import { add, affine, div, mul } from '../../kernels/elementwise/index.js'
import { matmul } from '../../kernels/matmul/index.js'
import { softmax } from '../../kernels/softmax/index.js'

/** What a caption begins with when the report says nothing of the anatomy. */
export const normalTemplate = (anatomy: string): string => `${anatomy} shows no significant abnormalities.`

/** Normal is what the caption's beginning says, whatever follows it. */
export const isNormal = (caption: string, anatomy: string): boolean => caption.startsWith(normalTemplate(anatomy))

/**
 * Numbers such that captions belong together where theirs agree: all normal ones, and identical ones. Captions are the
 * raw ones, before the template is taken out.
 */
export function captionGroups(captions: readonly string[], anatomy: string): Int32Array {
  const numbers = new Map<string, number>()
  const keys = captions.map((caption) => (isNormal(caption, anatomy) ? 'normal' : `abnormal ${caption}`))
  return Int32Array.from(keys, (key) => {
    const known = numbers.get(key) ?? numbers.size
    numbers.set(key, known)
    return known
  })
}

/**
 * Paper's co-teaching in our reading, for which no code is published: abnormal samples mix the targets below with what
 * another model, trained with other data order and augmentation, predicts among the abnormal ones.
 */
export interface CoTeaching {
  /** Unit vectors `[N, F]` of the same samples from the other model; off the tape. */
  readonly peerImage: Tensor
  readonly peerText: Tensor
  readonly peerTemperature: Tensor
  /** Part of the targets that the other model decides. Default 0.5. */
  readonly alpha?: number | undefined
}

export interface OrganPairs {
  readonly anatomy: string
  /** Unit vectors `[N, F]` of the samples whose anatomy is intact. */
  readonly image: Tensor
  readonly text: Tensor
  /** Their N raw captions. */
  readonly captions: readonly string[]
}

/** True if some sample is abnormal, and not all belong together: otherwise there is nothing to learn. */
export function teaches(captions: readonly string[], anatomy: string): boolean {
  const groups = captionGroups(captions, anatomy)
  return captions.some((caption) => !isNormal(caption, anatomy)) && groups.some((group) => group !== groups[0])
}

/**
 * The loss of one anatomy: mean of both directions of the cross-entropy between `softmax(image text' / temperature)` and
 * targets that are equal over the captions that belong together. A scalar; throws a {@link ValueError} where
 * {@link teaches} is false.
 */
export function organLoss(pairs: OrganPairs, temperature: Tensor, coTeaching?: CoTeaching): Tensor {
  const { anatomy, image, text, captions } = pairs
  if (image.shape[0] !== captions.length || text.shape[0] !== captions.length) {
    throw new ShapeError(`fvlm: ${image} and ${text} do not fit ${captions.length} captions of the ${anatomy}`)
  }
  if (!teaches(captions, anatomy)) {
    throw new ValueError(`fvlm: the captions of the ${anatomy} teach nothing: all are normal, or all are the same`)
  }
  const groups = captionGroups(captions, anatomy)
  return scope(() => {
    const numbers = tensor(image.device, groups)
    const known = coTeaching
      ? { targets: softenedTargets(pairs, groups, coTeaching) }
      : { groups: { image: numbers, text: numbers, mode: 'outside' } as const }
    return infoNCE(image, text, { temperature, normalize: false, ...known }).loss
  })
}

/** The sum of the losses of all anatomies that teach something; undefined if none does: then no step is made. */
export function fvlmLoss(organs: readonly OrganPairs[], temperature: Tensor): Tensor | undefined {
  const used = organs.filter(({ captions, anatomy }) => teaches(captions, anatomy))
  if (used.length === 0) return undefined
  return scope(() => used.map((pairs) => organLoss(pairs, temperature)).reduce((sum, loss) => add(sum, loss)))
}

/** Targets `[N, N]` of a batch: each row equal over its group, and adding up to 1. */
export function groupTargets(groups: Int32Array): Float32Array {
  const n = groups.length
  const targets = new Float32Array(n * n)
  for (let i = 0; i < n; i++) {
    const positives = groups.reduce((count, group) => count + (group === groups[i] ? 1 : 0), 0)
    for (let j = 0; j < n; j++) targets[i * n + j] = groups[i] === groups[j] ? 1 / positives : 0
  }
  return targets
}

/** `(1 - alpha) targets + alpha peer` in the rows of abnormal samples, where peer is a softmax over abnormal ones. */
function softenedTargets(
  { anatomy, captions, image }: OrganPairs,
  groups: Int32Array,
  { peerImage, peerText, peerTemperature, alpha = 0.5 }: CoTeaching,
): { imageToText: Tensor; textToImage: Tensor } {
  if (!(alpha >= 0 && alpha <= 1)) throw new ValueError(`fvlm: alpha must be from 0 to 1, got ${alpha}`)
  const n = captions.length
  const abnormal = captions.map((caption) => !isNormal(caption, anatomy))
  const share = Float32Array.from(abnormal, (flag) => (flag ? alpha : 0))
  // Finite, so that rows of normal samples, which do not count, stay finite as well.
  const shut = Float32Array.from(abnormal, (flag) => (flag ? 0 : -1e9))
  return noGrad(() =>
    scope(() => {
      const device = image.device
      const own = tensor(device, groupTargets(groups), [n, n])
      const part = tensor(device, share, [n, 1])
      const direction = (from: Tensor, to: Tensor) => {
        const logits = div(matmul(from.detach(), to.detach(), { transposeB: true }), peerTemperature.detach())
        const peer = softmax(add(logits, tensor(device, shut, [1, n])), { axis: -1 })
        return add(mul(own, affine(part, -1, 1)), mul(peer, part))
      }
      return { imageToText: direction(peerImage, peerText), textToImage: direction(peerText, peerImage) }
    }),
  )
}
