import { bytesPerElement, checkDType } from '../../engine/dtype.js'
import { NotSupportedError, ShapeError, ValueError } from '../../engine/errors.js'
import { apply, defineOp, type ReferenceArray } from '../../engine/op.js'
import { scope } from '../../engine/scope.js'
import { formatShape, type Shape, sameShape, sizeOf } from '../../engine/shape.js'
import { type Tensor, type TensorSpec, tensor } from '../../engine/tensor.js'
import { extremesKernel, paintKernel } from './kernel.js'
import { type Box3d, type BoxFill, boxAt, fillBoxes, limitsOf, type NoiseBox3d, wordsOfBox } from './reference.js'

export type { Box3d, BoxFill, NoiseBox3d } from './reference.js'

interface PaintOptions {
  readonly fill: BoxFill
}

function checkInputs([x, boxes, ranges, source]: readonly TensorSpec[], { fill }: PaintOptions): Shape {
  checkDType('paintBoxes', ['f32', 'f16'], x!)
  if (x!.shape.length !== 5) {
    throw new ShapeError(`paintBoxes: takes volumes [N, D, H, W, C], got ${formatShape(x!.shape)}`)
  }
  if (boxes!.shape[1] !== wordsOfBox || ranges!.shape[0] !== x!.shape[0]! + 1) {
    throw new ShapeError(`paintBoxes: needs a list of boxes for each of the ${x!.shape[0]} samples`)
  }
  if (fill.kind === 'copy' && (!source || !sameShape(source.shape, x!.shape) || source.dtype !== x!.dtype)) {
    throw new ShapeError(`paintBoxes: copies from a tensor of shape ${formatShape(x!.shape)} and type ${x!.dtype}`)
  }
  return x!.shape
}

const table = (boxes: readonly (readonly number[])[]) => ({
  shape: [boxes.length, wordsOfBox],
  dtype: 'i32' as const,
  values: boxes.flat(),
})
const two: { shape: Shape } = { shape: [2, 5, 4, 6, 1] }
/** Two that overlap, one of a single voxel, one that leaves the volume. */
const four = table([
  [0, 0, 1, 3, 4, 4, 5, 0],
  [2, 1, 0, 3, 2, 3, 5, 1],
  [4, 3, 5, 1, 1, 1, 5, 2],
  [-1, 2, 4, 4, 9, 9, -7, 3],
])
const shared = { shape: [3], dtype: 'i32' as const, values: [0, 2, 4] }

const paintOp = defineOp<PaintOptions>({
  name: 'paintBoxes',
  doc: 'Fills boxes of volumes with a value, with noise, or from other volumes.',
  differentiable: false,
  shape: (inputs, options) => [{ shape: checkInputs(inputs, options), dtype: inputs[0]!.dtype }],
  forward(context, [x, boxes, ranges, source], { fill }) {
    const y = context.empty()
    const channels = x!.shape[4]!
    const count = boxes!.shape[0]!
    // Every binding must be there; extremes are read for noise only.
    const extremes = context.empty([Math.max(1, count), 2], 'f32')
    if (fill.kind === 'noise') {
      context.run({
        kernel: extremesKernel,
        problem: { boxes: count, channels },
        inputs: [boxes!],
        outputs: [extremes],
      })
    }
    const problem = { fill: fill.kind, ...limitsOf(fill), shape: x!.shape, dtype: x!.dtype }
    context.run({ kernel: paintKernel, problem, inputs: [x!, boxes!, ranges!, extremes, source ?? x!], outputs: [y] })
    return y
  },
  reference(inputs, options) {
    checkInputs(
      inputs.map(({ shape }) => ({ shape, dtype: 'f32' })),
      options,
    )
    const [x, boxes, ranges, source] = inputs as [ReferenceArray, ReferenceArray, ReferenceArray, ReferenceArray?]
    const lists = Array.from({ length: x.shape[0]! }, (_, n) => {
      const [first, end] = [ranges.data[n]!, ranges.data[n + 1]!]
      return Array.from({ length: end - first }, (_, b) => boxAt(boxes.data, first + b))
    })
    return [fillBoxes(x, lists, options.fill, source)]
  },
  cost: ([x]) => ({ flops: 0, bytes: 2 * bytesPerElement(x!.dtype) * sizeOf(x!.shape) }),
  cases: [
    { name: 'value', inputs: [two, four, shared], options: { fill: { kind: 'value', value: -2 } } },
    { name: 'noise', inputs: [two, four, shared], options: { fill: { kind: 'noise' } } },
    {
      name: 'noise, two channels',
      inputs: [{ shape: [2, 5, 4, 6, 2] }, four, shared],
      options: { fill: { kind: 'noise', low: -1, high: 3 } },
    },
    { name: 'copy', inputs: [two, four, shared, two], options: { fill: { kind: 'copy' } } },
    {
      name: 'drops a twentieth of a crop',
      inputs: [
        { shape: [1, 96, 96, 96, 1] },
        table(Array.from({ length: 24 }, (_, n) => [3 * n, 2 * n, 80 - 3 * n, 14, 12, 13, 1, n])),
        { shape: [2], dtype: 'i32', values: [0, 24] },
      ],
      options: { fill: { kind: 'noise' } },
      bench: true,
    },
  ],
})

/**
 * `x` `[N, D, H, W, C]` (f32 or f16) with boxes filled; where boxes of a sample overlap, the later one counts. `boxes`
 * has a list for each sample; `source` is what `copy` copies from. Returns `x` itself when there is no box.
 *
 * @throws NotSupportedError when a gradient is asked for; ShapeError for lists that do not fit; ValueError for a box
 * that is none, or noise without a draw.
 */
export function paintBoxes(
  x: Tensor,
  boxes: readonly (readonly (Box3d | NoiseBox3d)[])[],
  fill: BoxFill,
  source?: Tensor,
): Tensor {
  if (x.requiresGrad) throw new NotSupportedError('paintBoxes: has no gradient; it prepares inputs')
  const all = boxes.flat()
  const words = all.flatMap((box) => {
    const draw = 'draw' in box ? box.draw : undefined
    if (![...box.first, ...box.size].every(Number.isInteger) || box.size.some((extent) => extent < 1)) {
      throw new ValueError(`paintBoxes: (${box.first.join(', ')}) of size (${box.size.join(', ')}) is no box`)
    }
    if (fill.kind === 'noise' && !draw) throw new ValueError('paintBoxes: a box of noise needs a draw')
    return [...box.first, ...box.size, (draw?.seed ?? 0) | 0, (draw?.index ?? 0) | 0]
  })
  const ranges = new Int32Array(boxes.length + 1)
  for (const [n, list] of boxes.entries()) ranges[n + 1] = ranges[n]! + list.length
  if (all.length === 0 && boxes.length === x.shape[0]) return x
  return scope(() => {
    const inputs = [x, tensor(x.device, Int32Array.from(words), [all.length, wordsOfBox]), tensor(x.device, ranges)]
    return apply(paintOp, source ? [...inputs, source] : inputs, { fill })
  })
}
