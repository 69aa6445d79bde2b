import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { formatShape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { sumTo } from '../reduce/sum-to.js'
import { matmul, runMatmul } from './matmul.js'

type NoOptions = Record<string, never>

const linearOp = defineOp<NoOptions>({
  name: 'linear',
  doc: 'x times the transpose of the weight, plus a bias.',
  shape([x, weight, bias]) {
    checkDType('linear', ['f32', 'f16'], x!, weight!, ...(bias ? [bias] : []))
    if (weight!.shape.length !== 2) {
      throw new ShapeError(`linear: the weight must be [out, in], got ${formatShape(weight!.shape)}`)
    }
    const [outFeatures, inFeatures] = weight!.shape as [number, number]
    if (x!.shape.length === 0 || x!.shape.at(-1) !== inFeatures) {
      throw new ShapeError(
        `linear: x ${formatShape(x!.shape)} does not end in the weight's ${inFeatures} input features`,
      )
    }
    if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outFeatures)) {
      throw new ShapeError(
        `linear: the bias ${formatShape(bias.shape)} does not have the weight's ${outFeatures} outputs`,
      )
    }
    return [{ shape: [...x!.shape.slice(0, -1), outFeatures], dtype: x!.dtype }]
  },
  forward(context, [x, weight, bias]) {
    const y = context.empty()
    const rows = sizeOf(x!.shape.slice(0, -1))
    const a = x!.alias([rows, weight!.shape[1]!])
    const flat = y.alias([rows, weight!.shape[0]!])
    runMatmul(context.run, { op: 'linear', a, b: weight!, bias, y: flat, options: { transposeB: true } })
    context.save(x!, weight!)
    return y
  },
  backward(context, [dy], [x, weight]) {
    const [outFeatures, inFeatures] = weight!.shape as [number, number]
    const rows = sizeOf(dy!.shape.slice(0, -1))
    const gradient = dy!.alias([rows, outFeatures])
    const [needsX, needsWeight, needsBias] = context.needs
    return [
      needsX ? matmul(gradient, weight!).alias(context.inputs[0]!.shape) : undefined,
      needsWeight ? matmul(gradient, x!.alias([rows, inFeatures]), { transposeA: true }) : undefined,
      needsBias ? sumTo(context, gradient, [outFeatures]) : undefined,
    ]
  },
  reference([x, weight, bias]) {
    const [outFeatures, inFeatures] = weight!.shape as [number, number]
    const rows = sizeOf(x!.shape.slice(0, -1))
    const data = new Float64Array(rows * outFeatures)
    for (let i = 0; i < rows; i++) {
      for (let o = 0; o < outFeatures; o++) {
        let sum = bias ? bias.data[o]! : 0
        for (let f = 0; f < inFeatures; f++) sum += x!.data[i * inFeatures + f]! * weight!.data[o * inFeatures + f]!
        data[i * outFeatures + o] = sum
      }
    }
    return [{ data, shape: [...x!.shape.slice(0, -1), outFeatures] }]
  },
  cost([x, weight]) {
    const rows = sizeOf(x!.shape.slice(0, -1))
    const [outFeatures, inFeatures] = weight!.shape as [number, number]
    return {
      flops: 2 * rows * outFeatures * inFeatures,
      bytes: 4 * (rows * (outFeatures + inFeatures) + outFeatures * inFeatures),
    }
  },
  cases: [
    { name: 'odd extents', inputs: [{ shape: [2, 5, 7] }, { shape: [9, 7] }, { shape: [9] }], options: {} },
    { name: 'whole vectors', inputs: [{ shape: [18, 8] }, { shape: [12, 8] }, { shape: [12] }], options: {} },
    { name: 'no bias', inputs: [{ shape: [3, 4] }, { shape: [8, 4] }], options: {} },
    { name: 'one row', inputs: [{ shape: [6] }, { shape: [5, 6] }, { shape: [5] }], options: {} },
    {
      name: 'Primus block',
      inputs: [{ shape: [512, 864] }, { shape: [2304, 864] }, { shape: [2304] }],
      options: {},
      bench: true,
    },
  ],
})

/**
 * `x` `[..., in]` times the transpose of `weight` `[out, in]`, plus `bias` `[out]`: PyTorch's layout of a linear layer.
 * The result has the type of `x`.
 */
export function linear(x: Tensor, weight: Tensor, options: { readonly bias?: Tensor | undefined } = {}): Tensor {
  return apply(linearOp, options.bias ? [x, weight, options.bias] : [x, weight], {})
}
