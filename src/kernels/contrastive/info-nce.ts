import { noGrad } from '../../engine/autograd.js'
import { ShapeError, ValueError } from '../../engine/errors.js'
import { scope } from '../../engine/scope.js'
import { formatShape, sameShape } from '../../engine/shape.js'
import { type Tensor, tensor } from '../../engine/tensor.js'
import { add, cast, div, maximum, neg, where } from '../elementwise/index.js'
import { crossEntropy } from '../losses/index.js'
import { matmul } from '../matmul/index.js'
import { max, mean, sum } from '../reduce/index.js'
import { logSoftmax, logSumExp } from '../softmax/index.js'
import { checkPair, divideByTemperature, embeddings } from './similarity.js'

/** Several texts that belong to an image, and the other way round. */
export interface Positives {
  /** `[N, M]`, not 0 where image and text belong together. */
  readonly mask: Tensor
  /**
   * Where the sum over positives stands: `outside` the logarithm, the mean of `-log p` over the positives; or `inside`,
   * `-log` of their summed `p`.
   */
  readonly mode: 'inside' | 'outside'
}

/** Probabilities instead of one match each. */
export interface SoftTargets {
  /** f32 `[N, M]`: for each image over the texts. */
  readonly imageToText: Tensor
  /** f32 `[M, N]`: for each text over the images; needed if symmetric. */
  readonly textToImage?: Tensor | undefined
}

export interface InfoNceOptions {
  /** What the similarities are divided by: a scalar tensor, which may be learned, or a number. */
  readonly temperature: Tensor | number
  /** Scales embeddings to length 1 first. Default true. */
  readonly normalize?: boolean | undefined
  /** Mean of both directions, or images to texts only. Default true. */
  readonly symmetric?: boolean | undefined
  /** Part of the target that is spread evenly over all candidates. Default 0; not with positives `inside`. */
  readonly labelSmoothing?: number | undefined
  /** Default: text `i` belongs to image `i` alone. */
  readonly positives?: Positives | undefined
  readonly targets?: SoftTargets | undefined
  /** Also returns the logits `[N, M]`, off the tape. Default false, which lets a kernel do without them. */
  readonly withLogits?: boolean | undefined
}

export interface InfoNce {
  readonly loss: Tensor
  readonly logits: Tensor | undefined
}

/** The mask of positives as probabilities: even over the positives along `axis`, 0 where there are none. */
function evenly(mask: Tensor, axis: number): Tensor {
  return noGrad(() => {
    const flags = where(mask, tensor(mask.device, 1), tensor(mask.device, 0))
    return div(flags, maximum(sum(flags, { axes: axis, keepDims: true }), tensor(mask.device, 1)))
  })
}

/** -log of the summed probability of the positives along `axis`; 0 for what has none. */
function insideLoss(logits: Tensor, mask: Tensor, axis: number): Tensor {
  const { device } = logits
  const chosen = where(mask, logSoftmax(logits, { axis }), tensor(device, -1e30))
  const any = noGrad(() => max(where(mask, tensor(device, 1), tensor(device, 0)), { axes: axis }))
  return mean(where(any, neg(logSumExp(chosen, { axes: axis })), tensor(device, 0)))
}

function checkOptions(image: Tensor, text: Tensor, options: InfoNceOptions): void {
  const { positives, targets, symmetric = true, labelSmoothing = 0 } = options
  checkPair('infoNCE', image, text, !positives && !targets)
  if (positives && targets) throw new ValueError('infoNCE: takes positives or targets, not both')
  if (positives?.mode === 'inside' && labelSmoothing !== 0) {
    throw new ValueError('infoNCE: label smoothing has no meaning for positives inside the logarithm')
  }
  if (targets && symmetric && !targets.textToImage) {
    throw new ValueError('infoNCE: symmetric soft targets need textToImage as well')
  }
  const pairs = [image.shape[0]!, text.shape[0]!]
  if (positives && !sameShape(positives.mask.shape, pairs)) {
    throw new ShapeError(
      `infoNCE: the mask of positives ${formatShape(positives.mask.shape)} is not ${formatShape(pairs)}`,
    )
  }
}

/**
 * Contrastive loss of images `[N, D]` and texts `[M, D]`: the cross-entropy of `softmax(image text' / temperature)` with
 * the pairs that belong together, averaged over images, and over both directions if symmetric. f32. Gradients go to the
 * embeddings and to the temperature. (van den Oord et al. 2018; Radford et al. 2021; several positives: Khosla et al. 2020)
 *
 * @throws ShapeError when embeddings, mask or targets do not fit.
 * @throws ValueError for options that exclude each other.
 */
export function infoNCE(image: Tensor, text: Tensor, options: InfoNceOptions): InfoNce {
  checkOptions(image, text, options)
  const { temperature, normalize = true, symmetric = true, labelSmoothing = 0, positives, targets } = options
  return scope(() => {
    const images = embeddings(image, normalize)
    const texts = embeddings(text, normalize)
    const logits = divideByTemperature(matmul(images, texts, { transposeB: true }), temperature)
    const direction = (axis: 0 | 1): Tensor => {
      if (targets && axis === 0) {
        const turned = divideByTemperature(matmul(texts, images, { transposeB: true }), temperature)
        return crossEntropy(turned, targets.textToImage!, { labelSmoothing })
      }
      if (targets) return crossEntropy(logits, targets.imageToText, { labelSmoothing })
      if (positives?.mode === 'inside') return insideLoss(logits, positives.mask, axis)
      if (positives) return crossEntropy(logits, evenly(positives.mask, axis), { axis, labelSmoothing })
      const own = tensor(
        image.device,
        Int32Array.from({ length: image.shape[0]! }, (_, i) => i),
      )
      return crossEntropy(logits, own, { axis, labelSmoothing })
    }
    const forth = direction(1)
    const loss = symmetric ? div(add(forth, direction(0)), 2) : forth
    return { loss, logits: options.withLogits ? cast(logits.detach(), 'f32') : undefined }
  })
}
