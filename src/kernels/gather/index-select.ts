import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { formatShape, normalizeAxis, type Shape, sameShape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { moveCost } from '../layout/copy.js'
import type { AxisOption } from './gather.js'
import { indexTypes, isPlace, linesOf } from './lines.js'
import { runAddAtIndex } from './links.js'
import { runPick } from './pick.js'

export interface IndexSelectOptions extends AxisOption {
  /**
   * i32 or u32 `[extent of the axis]`: for each slice of x where the index lists it, -1 where it does not. With it the gradient is
   * read from one place instead of added up. The index must list no slice twice; this is not checked.
   */
  readonly inverse?: Tensor | undefined
}

const selectedShape = (shape: Shape, index: Shape, { axis }: AxisOption): number[] =>
  shape.with(normalizeAxis('indexSelect', axis, shape.length), index[0]!)

const indexSelectOp = defineOp<AxisOption>({
  name: 'indexSelect',
  doc: 'Picks whole slices along an axis by a list of indices.',
  shape([x, index, inverse], options) {
    checkDType('indexSelect', indexTypes, index!, ...(inverse ? [inverse] : []))
    if (index!.shape.length !== 1) {
      throw new ShapeError(`indexSelect: the index must be a list, got ${formatShape(index!.shape)}`)
    }
    const extent = x!.shape[normalizeAxis('indexSelect', options.axis, x!.shape.length)]!
    if (inverse && !sameShape(inverse.shape, [extent])) {
      throw new ShapeError(
        `indexSelect: an axis of ${extent} has an inverse of ${extent}, got ${formatShape(inverse.shape)}`,
      )
    }
    return [{ shape: selectedShape(x!.shape, index!.shape, options), dtype: x!.dtype }]
  },
  forward(context, [x, index, inverse], options) {
    const y = context.empty()
    const lines = linesOf(x!.shape, normalizeAxis('indexSelect', options.axis, x!.shape.length), index!.size)
    runPick(context.run, { x: x!, index: index!, y, lines, shared: true })
    if (inverse) context.save(inverse)
    else context.save(index!)
    return y
  },
  backward(context, [dy], [saved], options) {
    const { shape } = context.inputs[0]!
    const axis = normalizeAxis('indexSelect', options.axis, shape.length)
    const dx = context.empty(shape, dy!.dtype)
    if (context.inputs.length > 2) {
      const lines = linesOf(dy!.shape, axis, saved!.size)
      runPick(context.run, { x: dy!, index: saved!, y: dx, lines, shared: true })
      return [dx, undefined, undefined]
    }
    const lines = linesOf(shape, axis, saved!.size)
    runAddAtIndex(context, { value: dy!, index: saved!, target: dx, lines, shared: true })
    return [dx, undefined]
  },
  reference([x, index], options) {
    const shape = selectedShape(x!.shape, index!.shape, options)
    const { extent, length, inner } = linesOf(
      x!.shape,
      normalizeAxis('indexSelect', options.axis, x!.shape.length),
      index!.data.length,
    )
    const data = Float64Array.from({ length: sizeOf(shape) }, (_, n) => {
      const id = index!.data[Math.floor(n / inner) % length]!
      const o = Math.floor(n / (inner * length))
      return isPlace(id, extent) ? x!.data[(o * extent + id) * inner + (n % inner)]! : 0
    })
    return [{ data, shape }]
  },
  cost: ([x, index], options) => moveCost(selectedShape(x!.shape, index!.shape, options)),
  cases: [
    { name: 'rows', inputs: [{ shape: [5, 3] }, { shape: [7], dtype: 'i32', range: [0, 5] }], options: { axis: 0 } },
    {
      name: 'tokens',
      inputs: [{ shape: [2, 6, 8] }, { shape: [4], dtype: 'u32', range: [0, 6] }],
      options: { axis: 1 },
    },
    {
      name: 'out of range',
      inputs: [{ shape: [2, 3] }, { shape: [9], dtype: 'i32', range: [-2, 5] }],
      options: { axis: -1 },
    },
    { name: 'none', inputs: [{ shape: [3, 2] }, { shape: [0], dtype: 'i32' }], options: { axis: 0 } },
    {
      name: 'stitched tokens',
      inputs: [{ shape: [1, 8000, 864] }, { shape: [8000], dtype: 'i32', range: [0, 8000] }],
      options: { axis: 1 },
      bench: true,
    },
  ],
})

/**
 * The slices of `x` that `index` `[length]` lists along `axis`; repeated ones share their gradient's sum. An index
 * outside the axis (negative ones too) gives zeros and gets no gradient.
 */
export function indexSelect(x: Tensor, index: Tensor, { axis, inverse }: IndexSelectOptions): Tensor {
  return apply(indexSelectOp, inverse ? [x, index, inverse] : [x, index], { axis })
}
