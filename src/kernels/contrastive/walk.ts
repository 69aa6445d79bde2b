/** The walk over all pairs in blocks: the only place where logits are, some megabytes at a time. */
import type { Capabilities } from '../../engine/capabilities.js'
import { bytesPerElement } from '../../engine/dtype.js'
import type { TensorWindow } from '../../engine/kernel.js'
import type { BackwardContext } from '../../engine/op.js'
import type { Tensor } from '../../engine/tensor.js'
import { runCopy } from '../layout/copy.js'
import { embeddingGradientKernel, logitGradientKernel, lossSides, statisticsKernel } from './kernel.js'
import { type BlockProblem, type ContrastiveOptions, type Side, strideOf } from './problem.js'
import { gradientKernel, logitKernel } from './products.js'
import { type TargetName, targetNames, targets } from './targets.js'

/** What forward and backward passes have in common. */
type Context = Pick<BackwardContext, 'device' | 'empty' | 'run'>

/** The tensors of a loss. */
export interface Pairs {
  readonly image: Tensor
  readonly text: Tensor
  /** f32 (scale) or, for the pairwise loss, (scale, shift) */
  readonly factors: Tensor
  /** Inverse lengths, where embeddings are normalised. */
  readonly inverses: Readonly<Record<Side, Tensor>> | undefined
  readonly targets: Readonly<Partial<Record<TargetName, Tensor>>>
}

/** Rows of a block start at multiples of this many, so that windows of any type start at multiples of 256 bytes. */
const alignment = 128
/**
 * Images and texts in a block. As many of the one as of the other, since either is the depth of a product whose results
 * are added to a gradient in memory; a quarter of a batch makes a block a sixteenth of all pairs.
 */
const mostEdge = ({ software }: Capabilities) => (software ? 1024 : 2048)
const edgesOfBatch = 4

const aligned = (count: number) => Math.ceil(count / alignment) * alignment

/** Rows of a side that one binding takes. */
const bindableRows = ({ image }: Pairs, { maxBindingBytes }: Capabilities): number =>
  Math.floor(maxBindingBytes / (4 * image.shape[1]!) / alignment) * alignment

/** Whether all logits are a single block, whose weights are kept. */
function isKept({ keptLogitBytes }: ContrastiveOptions, pairs: Pairs, capabilities: Capabilities): boolean {
  const [images, texts] = [pairs.image.shape[0]!, pairs.text.shape[0]!]
  return 4 * images * texts <= keptLogitBytes && Math.max(images, texts) <= bindableRows(pairs, capabilities)
}

/** Blocks of a problem, images walked within texts; a single one where its weights are kept. */
function blocksOf(options: ContrastiveOptions, pairs: Pairs, capabilities: Capabilities): BlockProblem[] {
  const [images, texts] = [pairs.image.shape[0]!, pairs.text.shape[0]!]
  const isWhole = isKept(options, pairs, capabilities)
  const most = Math.max(alignment, Math.min(mostEdge(capabilities), bindableRows(pairs, capabilities)))
  const edge = (count: number) => (isWhole ? count : Math.min(most, aligned(count / edgesOfBatch)))
  const [rows, columns] = [edge(images), edge(texts)]
  const blocks: BlockProblem[] = []
  for (let firstText = 0; firstText < texts; firstText += columns) {
    for (let firstImage = 0; firstImage < images; firstImage += rows) {
      const extents = { rows: Math.min(rows, images - firstImage), columns: Math.min(columns, texts - firstText) }
      blocks.push({ ...options, ...extents, firstImage, firstText, images, texts })
    }
  }
  return blocks
}

/** The rows of a tensor that belong to a block. */
function cut(tensor: Tensor, side: Side, block: BlockProblem): Tensor | TensorWindow {
  const [first, count] = side === 'image' ? [block.firstImage, block.rows] : [block.firstText, block.columns]
  const all = side === 'image' ? block.images : block.texts
  if (count === all) return tensor
  const rowBytes = (tensor.size / all) * bytesPerElement(tensor.dtype)
  return { tensor, byteOffset: first * rowBytes, byteLength: count * rowBytes }
}

const cutTargets = (pairs: Pairs, block: BlockProblem, sides: readonly Side[]) =>
  targetNames(block, sides).map((name) => cut(pairs.targets[name]!, targets[name].rows, block))

const cutInverses = ({ inverses }: Pairs, block: BlockProblem) =>
  inverses ? [cut(inverses.image, 'image', block), cut(inverses.text, 'text', block)] : []

/** The texts of a block as columns, for adapters that read them faster so; f16 is left to products that read it as it lies. */
function transposedTexts(context: Context, text: Tensor, block: BlockProblem): Tensor | undefined {
  if (!context.device.capabilities.software || text.dtype !== 'f32') return undefined
  const features = text.shape[1]!
  const target = context.empty([features, strideOf(block)], 'f32')
  runCopy(context.run, {
    op: 'contrastive',
    shape: [features, block.columns],
    source: text,
    from: { strides: [1, features], start: block.firstText * features },
    target,
    into: { strides: [strideOf(block), 1] },
  })
  return target
}

/** Calls `use` with the logits of each block, which it may overwrite. Returns the last of them. */
function walk(
  context: Context,
  pairs: Pairs,
  blocks: readonly BlockProblem[],
  use: (block: BlockProblem, logits: Tensor) => void,
): Tensor | undefined {
  const { image, text, factors } = pairs
  const [first] = blocks
  if (!first) return undefined
  // The first block is as large as any.
  const logits = context.empty([first.rows * strideOf(first)], 'f32')
  const features = image.shape[1]!
  let transposed: Tensor | undefined
  for (const block of blocks) {
    const { rows, columns, normalize, pairwise } = block
    if (block.firstImage === 0) {
      transposed?.dispose()
      transposed = transposedTexts(context, text, block)
    }
    const types = { image: image.dtype, text: text.dtype, transposed: transposed !== undefined }
    context.run({
      kernel: logitKernel,
      problem: { rows, columns, features, normalize, pairwise, ...types },
      inputs: [
        cut(image, 'image', block),
        transposed ?? cut(text, 'text', block),
        factors,
        ...cutInverses(pairs, block),
      ],
      outputs: [logits],
    })
    use(block, logits)
  }
  transposed?.dispose()
  return logits
}

/** What the forward pass gathers. */
export interface Gathered {
  /** Of the sides that have losses: see statistics.wgsl. */
  readonly statistics: Readonly<Partial<Record<Side, Tensor>>>
  /** All logits, where they are few enough to be kept. */
  readonly logits: Tensor | undefined
}

/** The statistics of all rows of the sides that have losses. */
export function runStatistics(context: Context, options: ContrastiveOptions, pairs: Pairs): Gathered {
  const statistics: Partial<Record<Side, Tensor>> = {}
  for (const side of lossSides(options)) statistics[side] = context.empty([pairs[side].shape[0]!, 8], 'f32')
  const blocks = blocksOf(options, pairs, context.device.capabilities)
  const logits = walk(context, pairs, blocks, (block, logits) => {
    for (const side of lossSides(options)) {
      context.run({
        kernel: statisticsKernel,
        problem: { ...block, side },
        inputs: [logits, ...cutTargets(pairs, block, [side])],
        outputs: [cut(statistics[side]!, side, block)],
      })
    }
  })
  if (isKept(options, pairs, context.device.capabilities)) return { statistics, logits }
  logits?.dispose()
  return { statistics, logits: undefined }
}

/** What gradients need of the rows of the sides that have losses: see finish.wgsl. */
export type Coefficients = Readonly<Partial<Record<Side, Tensor>>>

/** Turns a block of logits into weights, in place (see logit-gradient.wgsl). */
function runWeights(
  context: Context,
  pairs: Pairs,
  coefficients: Coefficients,
  block: BlockProblem,
  logits: Tensor,
): void {
  context.run({
    kernel: logitGradientKernel,
    problem: block,
    inputs: [
      pairs.factors,
      ...lossSides(block).map((side) => cut(coefficients[side]!, side, block)),
      ...cutInverses(pairs, block),
      ...cutTargets(pairs, block, ['image', 'text']),
    ],
    outputs: [logits],
  })
}

/** Turns all logits of {@link runStatistics} into weights for {@link runGradients}, in place. */
export function runAllWeights(
  context: Context,
  options: ContrastiveOptions,
  pairs: Pairs,
  coefficients: Coefficients,
  logits: Tensor,
): void {
  const [block] = blocksOf(options, pairs, context.device.capabilities)
  runWeights(context, pairs, coefficients, block!, logits)
}

/** Gradient of embeddings, and each row's part of scale times the scale's gradient. */
export interface EmbeddingGradient {
  readonly gradient: Tensor
  readonly products: Tensor
}

interface GradientRequest {
  readonly pairs: Pairs
  /** Gradient of the loss, f32, a scalar. */
  readonly lossGradient: Tensor
  /** All weights, if they were kept; else what they are made with. */
  readonly made: { readonly weights: Tensor } | { readonly coefficients: Coefficients }
  readonly wanted: readonly Side[]
}

/** The gradients of the sides that are wanted. */
export function runGradients(
  context: Context,
  options: ContrastiveOptions,
  { pairs, lossGradient, made, wanted }: GradientRequest,
): Partial<Record<Side, EmbeddingGradient>> {
  const features = pairs.image.shape[1]!
  const results: Partial<Record<Side, EmbeddingGradient>> = {}
  for (const side of wanted) {
    const { shape } = pairs[side]
    results[side] = { gradient: context.empty(shape, 'f32'), products: context.empty([shape[0]!], 'f32') }
  }
  const addProducts = (block: BlockProblem, weights: Tensor) => {
    const { rows, columns } = block
    for (const side of wanted) {
      const other = side === 'image' ? 'text' : 'image'
      const add = (side === 'image' ? block.firstText : block.firstImage) > 0
      context.run({
        kernel: gradientKernel,
        problem: { rows, columns, features, of: side, dtype: pairs[other].dtype, add },
        inputs: [weights, cut(pairs[other], other, block)],
        outputs: [cut(results[side]!.gradient, side, block)],
      })
    }
  }
  const blocks = blocksOf(options, pairs, context.device.capabilities)
  if ('weights' in made) addProducts(blocks[0]!, made.weights)
  else {
    walk(context, pairs, blocks, (block, logits) => {
      runWeights(context, pairs, made.coefficients, block, logits)
      addProducts(block, logits)
    })?.dispose()
  }
  for (const side of wanted) finishGradient(context, options, pairs, side, lossGradient, results[side]!)
  return results
}

function finishGradient(
  context: Context,
  { normalize }: ContrastiveOptions,
  { inverses, ...pairs }: Pairs,
  side: Side,
  lossGradient: Tensor,
  { gradient, products }: EmbeddingGradient,
): void {
  const own = pairs[side]
  const [count, features] = own.shape as [number, number]
  context.run({
    kernel: embeddingGradientKernel,
    problem: { count, features, dtype: own.dtype, normalize },
    inputs: [own, lossGradient, ...(inverses ? [inverses[side]] : [])],
    outputs: [gradient, products],
  })
}
