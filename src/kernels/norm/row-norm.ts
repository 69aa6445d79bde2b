/** Layer norm and RMS norm: operations over the trailing axes. */
import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp, type OpCase, type OpDefinition, type ReferenceArray } from '../../engine/op.js'
import { formatShape, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { type AffineOptions, checkParameters, listed, named } from './parameters.js'
import { emptyStatistics, type RowNorm, runParameterGradients, runRowNorm, runRowNormGradient } from './rows.js'

interface RowNormOptions extends AffineOptions {
  readonly eps: number
  /** Trailing axes that make a row. */
  readonly axes: number
}

const rowShape = (shape: Shape, { axes }: RowNormOptions) => shape.slice(shape.length - axes)

function checkShapes(name: string, inputs: readonly TensorSpec[], options: RowNormOptions): TensorSpec {
  const tensors = named(inputs, options)
  const { x } = tensors
  checkDType(name, ['f32', 'f16'], ...inputs)
  if (!Number.isInteger(options.axes) || options.axes < 1 || options.axes > x.shape.length) {
    throw new ShapeError(`${name}: cannot normalise the last ${options.axes} axes of ${formatShape(x.shape)}`)
  }
  checkParameters(name, tensors, rowShape(x.shape, options), 'the last axes')
  return { shape: x.shape, dtype: x.dtype }
}

function reference(kind: RowNorm, inputs: readonly ReferenceArray[], options: RowNormOptions): ReferenceArray {
  const { x, weight, bias } = named(inputs, options)
  const length = sizeOf(rowShape(x.shape, options))
  const data = new Float64Array(x.data.length)
  for (let start = 0; start < data.length; start += length) {
    const row = x.data.subarray(start, start + length)
    const mean = kind === 'layer' ? row.reduce((sum, value) => sum + value, 0) / length : 0
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length
    for (let i = 0; i < length; i++) {
      const normal = (row[i]! - mean) / Math.sqrt(variance + options.eps)
      data[start + i] = normal * (weight?.data[i] ?? 1) + (bias?.data[i] ?? 0)
    }
  }
  return { data, shape: x.shape }
}

function define(name: string, doc: string, kind: RowNorm): OpDefinition<RowNormOptions> {
  const call = (x: Tensor, weight: Tensor | undefined, options: RowNormOptions) => {
    return { kind, length: sizeOf(rowShape(x.shape, options)), epsilon: options.eps, x, weight }
  }
  return defineOp<RowNormOptions>({
    name,
    doc,
    shape: (inputs, options) => [checkShapes(name, inputs, options)],
    forward(context, inputs, options) {
      const { x, weight, bias } = named(inputs, options)
      const y = context.empty()
      if (x.size === 0) {
        context.save(x, y, y)
        return y
      }
      const norm = call(x, weight, options)
      const statistics = context.recording ? emptyStatistics(context, norm) : undefined
      runRowNorm(context, norm, { bias, y, statistics })
      if (statistics) {
        context.save(x, statistics.inverse, ...(statistics.mean ? [statistics.mean] : []), ...(weight ? [weight] : []))
      }
      return y
    },
    backward(context, [dy], saved, options) {
      const [x, inverse] = saved as [Tensor, Tensor]
      const mean = kind === 'layer' ? saved[2] : undefined
      const norm = call(x, options.weight ? saved.at(-1) : undefined, options)
      const row = rowShape(x.shape, options)
      const needs = named(context.needs, options)
      const dx = needs.x ? context.empty(x.shape, x.dtype) : undefined
      const dWeight = needs.weight ? context.empty(row, 'f32') : undefined
      const dBias = needs.bias ? context.empty(row, 'f32') : undefined
      if (dx && x.size > 0) runRowNormGradient(context, norm, { mean, inverse }, dy!, dx)
      runParameterGradients(context, norm, { mean, inverse }, dy!, { weight: dWeight, bias: dBias })
      return listed(dx, dWeight, dBias, options)
    },
    reference: (inputs, options) => [reference(kind, inputs, options)],
    cost: ([x]) => ({ flops: 8 * sizeOf(x!.shape), bytes: 8 * sizeOf(x!.shape) }),
    cases: casesOf(kind === 'layer'),
  })
}

function casesOf(bias: boolean): OpCase<RowNormOptions>[] {
  const entry = (
    name: string,
    shape: Shape,
    { axes = 1, eps = 1e-5, affine = true, range = [-1, 1] as readonly [number, number], bench = false } = {},
  ): OpCase<RowNormOptions> => {
    const row = { shape: shape.slice(shape.length - axes) }
    const parameters = affine ? [row, ...(bias ? [row] : [])] : []
    return {
      name,
      inputs: [{ shape, range }, ...parameters],
      options: { eps, axes, weight: affine, bias: affine && bias },
      bench,
    }
  }
  return [
    entry('odd rows', [2, 5, 7]),
    entry('whole vectors', [9, 36], { eps: 1e-6 }),
    entry('one row over several lanes', [1, 130]),
    entry('two axes', [2, 3, 4, 5], { axes: 2 }),
    entry('without parameters', [6, 20], { affine: false }),
    entry('one element', [3, 1]),
    entry('more rows than a workgroup has', [300, 3]),
    entry('mean far above the deviation', [3, 24], { range: [100, 101] }),
    entry('no rows', [0, 4]),
    entry('Primus tokens', [13824, 864], { bench: true }),
    entry('BERT tokens', [4096, 768], { bench: true }),
    entry('Swin tokens', [110592, 48], { bench: true }),
  ]
}

const layerNormOp = define('layerNorm', 'Rows scaled to mean 0 and variance 1, then by weight and bias.', 'layer')
const rmsNormOp = define('rmsNorm', 'Rows divided by their root mean square, then scaled by a weight.', 'rms')

export interface RmsNormOptions {
  /** Of the shape of the normalised axes. */
  readonly weight?: Tensor | undefined
  /** Added to the mean square. Default 1e-6. */
  readonly eps?: number | undefined
  /** How many trailing axes are normalised together. Default 1. */
  readonly axes?: number | undefined
}

export interface LayerNormOptions {
  /** Of the shape of the normalised axes. */
  readonly weight?: Tensor | undefined
  /** Of the shape of the normalised axes. */
  readonly bias?: Tensor | undefined
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number | undefined
  /** How many trailing axes are normalised together. Default 1. */
  readonly axes?: number | undefined
}

/**
 * `(x - mean) / sqrt(variance + eps) * weight + bias` over the last `axes` axes of a float tensor, with the biased
 * variance. Statistics are f32; the result has the type of `x`. (Ba, Kiros and Hinton 2016)
 */
export function layerNorm(x: Tensor, options: LayerNormOptions = {}): Tensor {
  const { weight, bias, eps = 1e-5, axes = 1 } = options
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])]
  return apply(layerNormOp, inputs, { eps, axes, weight: weight !== undefined, bias: bias !== undefined })
}

/** `x / sqrt(mean of x^2 + eps) * weight` over the last `axes` axes of a float tensor. (Zhang and Sennrich 2019) */
export function rmsNorm(x: Tensor, options: RmsNormOptions = {}): Tensor {
  const { weight, eps = 1e-6, axes = 1 } = options
  return apply(rmsNormOp, weight ? [x, weight] : [x], { eps, axes, weight: weight !== undefined, bias: false })
}
