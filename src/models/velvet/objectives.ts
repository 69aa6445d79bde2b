/** VELVET-Med's training objectives, each as the mean over a batch (reference §5). */
import { scope, type Tensor, tensor, ValueError } from '../../engine/index.js'
import { add, div, mul, sub } from '../../kernels/elementwise/index.js'
import { indexSelect } from '../../kernels/gather/index.js'
import { concat } from '../../kernels/join/index.js'
import { expand, reshape, transpose } from '../../kernels/layout/index.js'
import { cosineSimilarity, crossEntropy, l1, l2Normalize } from '../../kernels/losses/index.js'
import { matmul } from '../../kernels/matmul/index.js'
import { logSumExp, softmax } from '../../kernels/softmax/index.js'

/** `[rows of a, rows of b]` */
export function cosines(a: Tensor, b: Tensor): Tensor {
  return scope(() => matmul(l2Normalize(a), l2Normalize(b), { transposeB: true }))
}

const labels = (at: Tensor, values: readonly number[]): Tensor =>
  tensor(at.device, values, [values.length], { dtype: 'i32' })

const floats = (like: Tensor, values: readonly number[], shape: readonly number[]): Tensor =>
  tensor(like.device, values, shape, { dtype: like.dtype })

const diagonal = (logits: Tensor): Tensor =>
  labels(
    logits,
    Array.from({ length: logits.shape[0]! }, (_, n) => n),
  )

export interface ReportContrast {
  readonly loss: Tensor
  readonly imageToText: Tensor
  readonly textToImage: Tensor
  /** Images by texts, divided by the temperature. */
  readonly logits: Tensor
}

export interface ReportContrastOptions {
  /** Default 0.1. */
  readonly labelSmoothing?: number | undefined
  /** Weight of the images' direction; the texts' has the rest. Default 0.5. */
  readonly imageToTextWeight?: number | undefined
}

/**
 * Report level (§5.1): cosines over a learnable plain temperature, cross-entropy both ways with label smoothing.
 *
 * @param image `[N, E]` @param text `[N, E]` @param temperature a scalar
 */
export function reportContrast(
  image: Tensor,
  text: Tensor,
  temperature: Tensor,
  { labelSmoothing = 0.1, imageToTextWeight = 0.5 }: ReportContrastOptions = {},
): ReportContrast {
  return scope(() => {
    const logits = div(cosines(image, text), temperature)
    const own = diagonal(logits)
    const imageToText = crossEntropy(logits, own, { labelSmoothing })
    const textToImage = crossEntropy(logits, own, { axis: 0, labelSmoothing })
    const loss = add(mul(imageToText, imageToTextWeight), mul(textToImage, 1 - imageToTextWeight))
    return { loss, imageToText, textToImage, logits }
  })
}

export interface LocalContrastOptions {
  /** Sharpness of a unit's attention over regions, of the sum over units, and of the final logits. Default [4, 5, 10]. */
  readonly temperatures?: readonly [attention: number, units: number, logits: number] | undefined
  /** Over the units of a text: upstream sums, which favours long texts. Default `sum`. */
  readonly aggregate?: 'sum' | 'mean' | undefined
}

export interface LocalContrast {
  readonly loss: Tensor
  /** Cross-entropy over the texts of each image. */
  readonly row: Tensor
  /** Cross-entropy over the images of each text. */
  readonly column: Tensor
  /** `[images, texts]` */
  readonly similarity: Tensor
}

/**
 * Sentence and word level (§5.2, after GLoRIA): every unit of a text attends to the regions of an image, and texts are
 * compared by what they find.
 *
 * @param regions `[N, R, E]` @param units `[sum of counts, E]`, text by text @param counts units of each text
 */
export function localContrast(
  regions: Tensor,
  units: Tensor,
  counts: readonly number[],
  options: LocalContrastOptions = {},
): LocalContrast {
  return scope(() => {
    const similarity = localSimilarity(regions, units, counts, options)
    const own = diagonal(similarity)
    const row = crossEntropy(similarity, own)
    const column = crossEntropy(similarity, own, { axis: 0 })
    return { loss: mul(add(row, column), 0.5), row, column, similarity }
  })
}

/** Scores `[images, texts]` of {@link localContrast}. Throws a ValueError when the counts do not fit. */
export function localSimilarity(
  regions: Tensor,
  units: Tensor,
  counts: readonly number[],
  { temperatures: [attention, sharpness, scale] = [4, 5, 10], aggregate = 'sum' }: LocalContrastOptions = {},
): Tensor {
  const [images, regionCount] = regions.shape as [number, number, number]
  const { maxBindingBytes } = regions.device.capabilities
  const mostUnits = Math.floor(maxBindingBytes / (images * regionCount * (regions.byteLength / regions.size)))
  return scope(() => {
    const unitRegions = l2Normalize(regions)
    const parts = splitTexts(l2Normalize(units), counts, mostUnits).map((texts) =>
      scope(() => {
        const { found, own, padding } = attendRegions(unitRegions, texts, attention)
        const cosine = reshape(cosineSimilarity(own, found), [images, ...padding.shape])
        const sums = logSumExp(add(mul(cosine, sharpness), padding), { axes: 2 })
        if (aggregate === 'sum') return mul(sums, scale)
        const sizes = floats(sums, texts.counts.map(Math.log), [texts.counts.length])
        return mul(sub(sums, sizes), scale)
      }),
    )
    return concat(parts, 1)
  })
}

/** Heat maps `[images, units, regions]` of one text's units `[U, E]` over the regions `[N, R, E]` of images. */
export function regionAttention(regions: Tensor, units: Tensor, attention = 4): Tensor {
  return scope(() => {
    const text: Texts = { units: l2Normalize(units), start: 0, counts: [units.shape[0]!] }
    return transpose(attendRegions(l2Normalize(regions), text, attention).alpha, 1, 2)
  })
}

/** Neighbouring texts: theirs are the `counts` rows of the unit vectors from `start` on, text by text. */
interface Texts {
  readonly units: Tensor
  readonly start: number
  readonly counts: readonly number[]
}

/** Added to what only fills a text up: no weight is left of it in a softmax, and the number exists in f16. */
const noUnit = -3e4

/** All texts at once, each filled up to the longest with copies of its first unit, which `padding` takes out again. */
function attendRegions(unitRegions: Tensor, { units, start, counts }: Texts, attention: number) {
  const [images, regions, features] = unitRegions.shape as [number, number, number]
  const longest = Math.max(...counts)
  let first = start
  const rows = counts.flatMap((count) => {
    const own = Array.from({ length: longest }, (_, unit) => (unit < count ? first + unit : first))
    first += count
    return own
  })
  const filled = counts.flatMap((count) => Array.from({ length: longest }, (_, unit) => (unit < count ? 0 : noUnit)))
  const padding = floats(unitRegions, filled, [counts.length, longest])
  const text = indexSelect(units, labels(units, rows), { axis: 0 })
  const scores = reshape(matmul(unitRegions, text, { transposeB: true }), [images, regions, counts.length, longest])
  const shared = reshape(softmax(add(scores, padding), { axis: 3 }), [images, regions, rows.length])
  const alpha = softmax(mul(shared, attention), { axis: 1 })
  const found = matmul(alpha, unitRegions, { transposeA: true })
  return { alpha, found, own: expand(text, [images, rows.length, features]), padding }
}

/** Groups of texts that, filled up to the longest of each group, have at most `mostUnits` units; never less than one text. */
function splitTexts(units: Tensor, counts: readonly number[], mostUnits: number): Texts[] {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total !== units.shape[0] || counts.some((count) => count < 1)) {
    throw new ValueError(
      `localContrast: counts ${counts.join(', ')} do not fit ${units.shape[0]} units, at least one a text`,
    )
  }
  const groups: { units: Tensor; start: number; counts: number[] }[] = []
  let start = 0
  for (const count of counts) {
    const last = groups.at(-1)
    if (last && Math.max(count, ...last.counts) * (last.counts.length + 1) <= mostUnits) last.counts.push(count)
    else groups.push({ units, start, counts: [count] })
    start += count
  }
  return groups
}

/**
 * Distributions that hard negatives are drawn from (§5.3), `[N, N]` each: the softmax of the report level with the own
 * index set to zero afterwards, so that rows do not sum to one. No gradient.
 */
export function matchingWeights(
  image: Tensor,
  text: Tensor,
  temperature: Tensor | number,
): { readonly imageForText: Tensor; readonly textForImage: Tensor } {
  return scope(() => {
    const n = image.shape[0]!
    const others = tensor(
      image.device,
      Array.from({ length: n * n }, (_, i) => Number(i % (n + 1) !== 0)),
      [n, n],
    )
    const over = typeof temperature === 'number' ? temperature : temperature.detach()
    const weights = (a: Tensor, b: Tensor): Tensor =>
      mul(softmax(div(cosines(a.detach(), b.detach()), over), { axis: 1 }), others)
    return { imageForText: weights(text, image), textForImage: weights(image, text) }
  })
}

/** One index for each row of weights `[rows, columns]`, drawn with a number in [0, 1) for each row. */
export function drawRows(weights: ArrayLike<number>, uniforms: ArrayLike<number>): Int32Array {
  const columns = weights.length / uniforms.length
  return Int32Array.from({ length: uniforms.length }, (_, row) => {
    const own = Array.from({ length: columns }, (_, column) => weights[row * columns + column]!)
    const total = own.reduce((sum, weight) => sum + weight, 0)
    let left = uniforms[row]! * total
    const chosen = own.findIndex((weight) => {
      left -= weight
      return weight > 0 && left < 0
    })
    // Rounding can leave a rest; the last index with any weight takes it.
    return chosen >= 0 ? chosen : own.findLastIndex((weight) => weight > 0)
  })
}

/** NT-Xent over the 2N embeddings of two views `[N, E]` (§5.6): mean over 2N, cosines, fixed temperature. */
export function viewContrast(view1: Tensor, view2: Tensor, temperature = 0.5): Tensor {
  return scope(() => {
    const both = concat([view1, view2], 0)
    const [count, half] = [both.shape[0]!, view1.shape[0]!]
    // An embedding is no candidate for itself.
    const own = tensor(
      both.device,
      Array.from({ length: count * count }, (_, i) => (i % (count + 1) === 0 ? -1e30 : 0)),
      [count, count],
    )
    const logits = add(div(cosines(both, both), temperature), own)
    const partners = Array.from({ length: count }, (_, n) => (n + half) % count)
    return crossEntropy(logits, labels(both, partners))
  })
}

export interface VisionLosses {
  readonly contrast: Tensor
  readonly rotation: Tensor
  readonly reconstruction: Tensor
}

export interface VisionLossInputs {
  readonly view1: Tensor
  readonly view2: Tensor
  /** `[2N, 4]` */
  readonly rotationLogits: Tensor
  /** Quarter turns of every view, i32 `[2N]`. */
  readonly turns: Tensor
  readonly reconstruction: Tensor
  /** The clean turned crops. */
  readonly target: Tensor
  readonly temperature?: number | undefined
}

/** The three terms of the vision self-supervision (§5.6), each with weight 1. */
export function visionLosses(inputs: VisionLossInputs): VisionLosses {
  return scope(() => ({
    contrast: viewContrast(inputs.view1, inputs.view2, inputs.temperature),
    rotation: crossEntropy(inputs.rotationLogits, inputs.turns),
    reconstruction: l1(inputs.reconstruction, inputs.target),
  }))
}

/** The sum of terms, left to right. */
export function total(terms: readonly Tensor[]): Tensor {
  return scope(() => terms.reduce((sum, term) => add(sum, term)))
}
