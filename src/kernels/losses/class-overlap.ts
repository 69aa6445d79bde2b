/** Soft overlap of predicted with true classes: the sums that Dice is made of. */
import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { applyAll, defineOp } from '../../engine/op.js'
import { formatShape, type Shape, sameShape, sizeOf } from '../../engine/shape.js'
import { type Tensor, tensor } from '../../engine/tensor.js'
import { runElementwise } from '../elementwise/kernel.js'
import { runMappedSum } from '../variance/mapped-sum.js'

type NoOptions = Record<string, never>

const layoutOf = (shape: Shape) => ({
  outer: shape[0]!,
  length: sizeOf(shape.slice(1, -1)),
  inner: shape.at(-1)!,
})

const gradient = {
  name: 'classOverlap gradient',
  arguments: ['intersection', 'predicted', 'label', 'own'],
  expression: 'predicted + select(0.0, intersection, label == own)',
  options: [],
}

const classOverlapOp = defineOp<NoOptions>({
  name: 'classOverlap',
  doc: 'For each sample and class: probability on the true voxels, probability anywhere, and number of true voxels.',
  shape([probability, label]) {
    checkDType('classOverlap', ['f32', 'f16'], probability!)
    checkDType('classOverlap', ['i32', 'u32'], label!)
    const { shape } = probability!
    if (shape.length < 2 || !sameShape(shape.slice(0, -1), label!.shape)) {
      throw new ShapeError(
        `classOverlap: probabilities ${formatShape(shape)} and labels ${formatShape(label!.shape)} are not ` +
          '[N, ..., C] and [N, ...]',
      )
    }
    const spec = { shape: [shape[0]!, shape.at(-1)!], dtype: 'f32' as const }
    return [spec, spec, spec]
  },
  forward(context, [probability, label]) {
    const results = context.outputs.map(() => context.empty())
    runMappedSum(context, {
      name: `classOverlap ${label!.dtype}`,
      operands: [
        { name: 'p', tensor: probability! },
        { name: 'label', tensor: label!, follow: 'line' },
      ],
      terms: ['select(0.0, p, label == f32(inner))', 'p', 'select(0.0, 1.0, label == f32(inner))'],
      results: results.map((result) => ({ tensor: result })),
      runs: [layoutOf(probability!.shape)],
    })
    context.save(label!)
    return results
  },
  backward(context, [dIntersection, dPredicted], [label]) {
    const { shape, dtype } = context.inputs[0]!
    const { outer, length, inner } = layoutOf(shape)
    const classes = tensor(
      context.device,
      Array.from({ length: inner }, (_, c) => c),
      [inner],
      { dtype: label!.dtype },
    )
    const dx = context.empty(shape, dtype)
    const perClass = [outer, 1, inner]
    const inputs = [
      dIntersection!.alias(perClass),
      dPredicted!.alias(perClass),
      label!.alias([outer, length, 1]),
      classes,
    ]
    runElementwise({ fn: gradient, options: [], inputs, output: dx.alias([outer, length, inner]) }, context.run)
    return [dx]
  },
  reference([probability, label]) {
    const { outer, length, inner } = layoutOf(probability!.shape)
    const sums = [0, 1, 2].map(() => ({ data: new Float64Array(outer * inner), shape: [outer, inner] }))
    for (const [i, p] of probability!.data.entries()) {
      const c = i % inner
      const voxel = Math.floor(i / inner)
      const at = Math.floor(voxel / length) * inner + c
      const isTrue = label!.data[voxel] === c
      if (isTrue) sums[0]!.data[at]! += p
      sums[1]!.data[at]! += p
      if (isTrue) sums[2]!.data[at]! += 1
    }
    return sums
  },
  cost: ([p]) => ({ flops: 3 * sizeOf(p!.shape), bytes: 4 * sizeOf(p!.shape) }),
  cases: [
    {
      name: 'voxels',
      inputs: [
        { shape: [2, 3, 2, 5, 3], range: [0, 1] },
        { shape: [2, 3, 2, 5], dtype: 'i32', range: [0, 3] },
      ],
      options: {},
    },
    {
      name: 'labels beyond the classes',
      inputs: [
        { shape: [1, 6, 2], range: [0, 1] },
        { shape: [1, 6], dtype: 'i32', values: [0, 1, 255, -1, 2, 1] },
      ],
      options: {},
    },
    {
      name: 'organs',
      inputs: [{ shape: [1, 96, 96, 96, 14] }, { shape: [1, 96, 96, 96], dtype: 'i32', range: [0, 14] }],
      options: {},
      bench: true,
    },
  ],
})

export interface ClassOverlap {
  /** Probability of each class, summed over the voxels that have it. */
  readonly intersection: Tensor
  /** Probability of each class, summed over all voxels. */
  readonly predicted: Tensor
  /** Voxels that have each class. */
  readonly actual: Tensor
}

/** Sums over the voxels of probabilities `[N, ..., C]` and labels `[N, ...]`, f32 `[N, C]` each. */
export function classOverlap(probability: Tensor, label: Tensor): ClassOverlap {
  const [intersection, predicted, actual] = applyAll(classOverlapOp, [probability, label], {})
  return { intersection: intersection!, predicted: predicted!, actual: actual! }
}
