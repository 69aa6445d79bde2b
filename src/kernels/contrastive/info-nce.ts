import { noGrad } from '../../engine/autograd.js'
import { ShapeError, ValueError } from '../../engine/errors.js'
import { apply } from '../../engine/op.js'
import { scope } from '../../engine/scope.js'
import { formatShape } from '../../engine/shape.js'
import { type Tensor, tensor } from '../../engine/tensor.js'
import { div, exp, mul, notEqual } from '../elementwise/index.js'
import { reshape } from '../layout/index.js'
import { matmul } from '../matmul/index.js'
import { contrastiveOp } from './contrastive.js'
import { defaultKeptLogitBytes, type TargetKind } from './problem.js'
import { checkPair, embeddings } from './similarity.js'

/** Several texts that belong to an image, and the other way round. */
export interface Positives {
  /** `[N, M]` of any type, not 0 where image and text belong together. */
  readonly mask: Tensor
  /**
   * Where the sum over positives stands: `outside` the logarithm, the mean of `-log p` over the positives; or `inside`,
   * `-log` of their summed `p`.
   */
  readonly mode: 'inside' | 'outside'
}

/** Positives as classes: an image and a text belong together where their numbers agree. Needs no `[N, M]` tensor. */
export interface Groups {
  /** i32 `[N]`; negative for images without a match. */
  readonly image: Tensor
  /** i32 `[M]` */
  readonly text: Tensor
  /** As for {@link Positives}. */
  readonly mode: 'inside' | 'outside'
}

/** Probabilities instead of one match each. */
export interface SoftTargets {
  /** f32 `[N, M]`: for each image over the texts. */
  readonly imageToText: Tensor
  /** f32 `[M, N]`: for each text over the images; needed if symmetric. */
  readonly textToImage?: Tensor | undefined
}

/** How much each sample's own loss counts in the weighted mean; 0 ignores it, though it stays a candidate for others. */
export interface SampleWeights {
  /** f32 `[N]` */
  readonly image: Tensor
  /** f32 `[M]`; needed if symmetric. */
  readonly text?: Tensor | undefined
}

export interface InfoNceOptions {
  /** What the similarities are divided by: a scalar tensor, which may be learned, or a number. This or `logScale`. */
  readonly temperature?: Tensor | number | undefined
  /** Logarithm of what the similarities are multiplied by: a scalar tensor, which may be learned. */
  readonly logScale?: Tensor | undefined
  /** Scales embeddings to length 1 first. Default true. */
  readonly normalize?: boolean | undefined
  /** Mean of both directions, or images to texts only. Default true. */
  readonly symmetric?: boolean | undefined
  /** Part of the target that is spread evenly over all candidates. Default 0; not with positives `inside`. */
  readonly labelSmoothing?: number | undefined
  /** Default: text `i` belongs to image `i` alone. At most one of positives, groups and targets. */
  readonly positives?: Positives | undefined
  readonly groups?: Groups | undefined
  readonly targets?: SoftTargets | undefined
  readonly weights?: SampleWeights | undefined
  /**
   * For a part of a batch: text `i + offset` belongs to image `i`, images are local and texts are those of all parts. One
   * direction (`symmetric: false`); the other is the same call with the roles exchanged.
   */
  readonly offset?: number | undefined
  /**
   * Logits of at most so many bytes are made once, and as many bytes are kept for the backward pass; more of them are walked
   * in blocks of a few MiB in either pass, and made twice. Default 16 MiB, which is 2048 x 2048.
   */
  readonly keptLogitBytes?: number | undefined
  /** Also returns the logits `[N, M]`, off the tape. Default false. */
  readonly withLogits?: boolean | undefined
}

export interface InfoNce {
  readonly loss: Tensor
  readonly logits: Tensor | undefined
}

function checkOptions(image: Tensor, text: Tensor, options: InfoNceOptions): void {
  const { positives, groups, targets, weights, symmetric = true, labelSmoothing = 0, offset } = options
  const given = [positives, groups, targets].filter(Boolean).length
  checkPair('infoNCE', image, text, given === 0 && offset === undefined)
  if ((options.temperature === undefined) === (options.logScale === undefined)) {
    throw new ValueError('infoNCE: takes a temperature or a logScale, one of them')
  }
  if (given > 1) throw new ValueError('infoNCE: takes positives, groups or targets, not several')
  if ((positives ?? groups)?.mode === 'inside' && labelSmoothing !== 0) {
    throw new ValueError('infoNCE: label smoothing has no meaning for positives inside the logarithm')
  }
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new ValueError(`infoNCE: label smoothing must be from 0 to 1, got ${labelSmoothing}`)
  }
  if (targets && symmetric && !targets.textToImage) {
    throw new ValueError('infoNCE: symmetric soft targets need textToImage as well')
  }
  if (weights && symmetric && !weights.text)
    throw new ValueError('infoNCE: symmetric weights need those of texts as well')
  if (offset === undefined) return
  if (given > 0 || symmetric) throw new ValueError('infoNCE: an offset is for one direction of matching pairs')
  if (!Number.isInteger(offset) || offset < 0 || offset + image.shape[0]! > text.shape[0]!) {
    throw new ShapeError(
      `infoNCE: images ${formatShape(image.shape)} at offset ${offset} do not lie within texts ${formatShape(text.shape)}`,
    )
  }
}

/** The tensors that say which pairs belong together. */
function targetsOf({ positives, groups, targets, symmetric = true }: InfoNceOptions): [TargetKind, Tensor[]] {
  if (groups) return ['groups', [groups.image, groups.text]]
  if (targets) return ['soft', [targets.imageToText, ...(symmetric ? [targets.textToImage!] : [])]]
  if (!positives) return ['diagonal', []]
  const { mask } = positives
  if (mask.dtype === 'u32' || mask.dtype === 'i32') return ['mask', [mask]]
  return ['mask', [noGrad(() => notEqual(mask, tensor(mask.device, [0], [], { dtype: mask.dtype })))]]
}

/** What similarities are multiplied by, as a scalar tensor. */
function scaleOf(image: Tensor, { temperature, logScale }: InfoNceOptions): Tensor {
  if (logScale) return reshape(exp(logScale), [])
  if (typeof temperature === 'number') return tensor(image.device, [1 / temperature], [])
  return reshape(div(tensor(image.device, [1], []), temperature!), [])
}

/**
 * Contrastive loss of images `[N, D]` and texts `[M, D]`: the cross-entropy of `softmax(image text' / temperature)` with
 * the pairs that belong together, averaged over images, and over both directions if symmetric. f32. Gradients go to the
 * embeddings and to the temperature. Memory is linear in N and M, but for `keptLogitBytes`. (van den Oord et al. 2018;
 * Radford et al. 2021; several positives: Khosla et al. 2020)
 *
 * @throws ShapeError when embeddings, mask, targets or weights do not fit.
 * @throws ValueError for options that exclude each other.
 */
export function infoNCE(image: Tensor, text: Tensor, options: InfoNceOptions): InfoNce {
  checkOptions(image, text, options)
  const { normalize = true, symmetric = true, labelSmoothing = 0, positives, groups, weights, offset = 0 } = options
  const { keptLogitBytes = defaultKeptLogitBytes } = options
  return scope(() => {
    const scale = scaleOf(image, options)
    const [kind, targets] = targetsOf(options)
    const weighted = weights ? [weights.image, ...(symmetric ? [weights.text!] : [])] : []
    const loss = apply(contrastiveOp, [image, text, scale, ...targets, ...weighted], {
      kind,
      offset,
      inside: (positives ?? groups)?.mode === 'inside',
      labelSmoothing,
      symmetric,
      pairwise: false,
      weighted: weights !== undefined,
      normalize,
      keptLogitBytes,
    })
    return { loss, logits: options.withLogits ? logitsOf(image, text, scale, normalize) : undefined }
  })
}

const logitsOf = (image: Tensor, text: Tensor, scale: Tensor, normalize: boolean): Tensor =>
  noGrad(() => mul(matmul(embeddings(image, normalize), embeddings(text, normalize), { transposeB: true }), scale))

/** {@link infoNCE} with a learned `logScale`, as CLIP has it: the loss alone. */
export function clipLoss(
  image: Tensor,
  text: Tensor,
  options: Omit<InfoNceOptions, 'temperature' | 'withLogits'> & { readonly logScale: Tensor },
): Tensor {
  return infoNCE(image, text, options).loss
}
