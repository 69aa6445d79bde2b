import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, type CaseInput, defineOp } from '../../engine/op.js'
import { formatShape, type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import type { ActivationName } from '../elementwise/activation.js'
import {
  checkEpilogue,
  type Epilogue,
  type EpilogueOptions,
  epilogueBytes,
  epilogueGradients,
  epilogueOf,
  epilogueReference,
  fuseEpilogue,
  resolveEpilogue,
  type WithEpilogue,
} from './epilogue.js'
import { matmul, runMatmul } from './matmul.js'

const linearOp = defineOp<WithEpilogue>({
  name: 'linear',
  doc: 'x times the transpose of the weight, plus a bias, with an epilogue.',
  shape([x, weight, ...others], options) {
    checkDType('linear', ['f32', 'f16'], x!, weight!)
    if (weight!.shape.length !== 2) {
      throw new ShapeError(`linear: the weight must be [out, in], got ${formatShape(weight!.shape)}`)
    }
    const [outFeatures, inFeatures] = weight!.shape as [number, number]
    if (x!.shape.length === 0 || x!.shape.at(-1) !== inFeatures) {
      throw new ShapeError(
        `linear: x ${formatShape(x!.shape)} does not end in the weight's ${inFeatures} input features`,
      )
    }
    const shape = [...x!.shape.slice(0, -1), outFeatures]
    checkEpilogue('linear', epilogueOf(options, 2 + others.length), others, shape)
    return [{ shape, dtype: x!.dtype }]
  },
  forward(context, inputs, options) {
    const [x, weight, ...tensors] = inputs
    const y = context.empty()
    const rows = sizeOf(x!.shape.slice(0, -1))
    const a = x!.alias([rows, weight!.shape[1]!])
    const flat = y.alias([rows, weight!.shape[0]!])
    const fused = fuseEpilogue(context, epilogueOf(options, inputs.length), tensors, inputs)
    runMatmul(context.run, { op: 'linear', a, b: weight!, y: flat, options: { transposeB: true }, fused, tensors })
    context.save(x!, weight!, ...fused.save(y))
    return y
  },
  backward(context, [dy], [x, weight, ...saved], options) {
    const epilogue = epilogueOf(options, context.inputs.length)
    const { product, operands } = epilogueGradients(context, epilogue, dy!, saved)
    const [outFeatures, inFeatures] = weight!.shape as [number, number]
    const rows = sizeOf(dy!.shape.slice(0, -1))
    const gradient = product.alias([rows, outFeatures])
    const [needsX, needsWeight] = context.needs
    return [
      needsX ? matmul(gradient, weight!).alias(context.inputs[0]!.shape) : undefined,
      needsWeight ? matmul(gradient, x!.alias([rows, inFeatures]), { transposeA: true }) : undefined,
      ...operands,
    ]
  },
  reference(inputs, options) {
    const [x, weight, ...others] = inputs
    const [outFeatures, inFeatures] = weight!.shape as [number, number]
    const rows = sizeOf(x!.shape.slice(0, -1))
    const data = new Float64Array(rows * outFeatures)
    for (let i = 0; i < rows; i++) {
      for (let o = 0; o < outFeatures; o++) {
        let sum = 0
        for (let f = 0; f < inFeatures; f++) sum += x!.data[i * inFeatures + f]! * weight!.data[o * inFeatures + f]!
        data[i * outFeatures + o] = sum
      }
    }
    const product = { data, shape: [...x!.shape.slice(0, -1), outFeatures] }
    return [epilogueReference(product, epilogueOf(options, inputs.length), others)]
  },
  cost([x, weight, ...others]) {
    const rows = sizeOf(x!.shape.slice(0, -1))
    const [outFeatures, inFeatures] = weight!.shape as [number, number]
    return {
      flops: 2 * rows * outFeatures * inFeatures,
      bytes: 4 * (rows * (outFeatures + inFeatures) + outFeatures * inFeatures) + epilogueBytes(others),
    }
  },
  cases: [
    { name: 'odd extents', inputs: [{ shape: [2, 5, 7] }, { shape: [9, 7] }, { shape: [9] }], options: {} },
    { name: 'whole vectors', inputs: [{ shape: [18, 8] }, { shape: [12, 8] }, { shape: [12] }], options: {} },
    { name: 'no bias', inputs: [{ shape: [3, 4] }, { shape: [8, 4] }], options: {} },
    { name: 'one row', inputs: [{ shape: [6] }, { shape: [5, 6] }, { shape: [5] }], options: {} },
    { name: 'relu', inputs: operands([2, 2, 7], 5), options: { epilogue: behind('relu') } },
    { name: 'leaky relu', inputs: operands([3, 4], 8), options: { epilogue: behind('leaky-relu') } },
    { name: 'gelu', inputs: operands([3, 8], 12), options: { epilogue: behind('gelu') } },
    { name: 'tanh gelu', inputs: operands([3, 8], 12), options: { epilogue: behind('gelu-tanh') } },
    {
      name: 'SwiGLU',
      inputs: [...operands([3, 8], 12), { shape: [3, 12] }],
      options: { epilogue: { ...behind('silu'), operands: ['bias', 'multiply'] } },
    },
    {
      name: 'scaled residual',
      inputs: [...operands([2, 3, 6], 8), { shape: [8] }, { shape: [2, 3, 8] }],
      options: { epilogue: { operands: ['bias', 'scale', 'residual'], factor: 1 } },
    },
    {
      name: 'a number as the scale',
      inputs: operands([3, 6], 5).slice(0, 2),
      options: { epilogue: { operands: [], factor: 0.125 } },
    },
    {
      name: 'everything behind the product',
      inputs: [...operands([5, 7], 9), { shape: [5, 9] }, { shape: [9] }, { shape: [5, 9] }],
      options: {
        epilogue: { ...behind('gelu'), operands: ['bias', 'multiply', 'scale', 'residual'], factor: 1.5 },
      },
    },
    {
      name: 'BERT feed-forward with gelu, 128 tokens',
      inputs: operands([128, 768], 3072),
      options: { epilogue: behind('gelu') },
      bench: true,
    },
    {
      name: 'Primus block',
      inputs: [{ shape: [512, 864] }, { shape: [2304, 864] }, { shape: [2304] }],
      options: {},
      bench: true,
    },
  ],
})

/** Inputs: x, weight, bias. */
function operands(x: Shape, outputs: number): CaseInput[] {
  return [{ shape: x }, { shape: [outputs, x.at(-1)!] }, { shape: [outputs] }]
}

function behind(name: ActivationName): Epilogue {
  return { operands: ['bias'], activation: { name, slope: 0.1 }, factor: 1 }
}

/**
 * `x` `[..., in]` times the transpose of `weight` `[out, in]`, plus `bias` `[out]`: PyTorch's layout of a linear layer.
 * Activation, gate, scale and residual ({@link EpilogueOptions}) are applied in the same pass. The result has the type of
 * `x`.
 *
 * @throws ShapeError when features or a tensor of the epilogue do not fit; ValueError for an unknown activation or a
 * scale that is not finite.
 */
export function linear(x: Tensor, weight: Tensor, options: EpilogueOptions = {}): Tensor {
  const { epilogue, tensors } = resolveEpilogue('linear', options)
  return apply(linearOp, [x, weight, ...tensors], { epilogue })
}
