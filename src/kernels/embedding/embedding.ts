import { checkDType } from '../../engine/dtype.js'
import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { formatShape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { indexTypes, isPlace, linesOf } from '../gather/lines.js'
import { runAddAtIndex } from '../gather/links.js'
import { runPick } from '../gather/pick.js'

export interface EmbeddingOptions {
  /** A row that gets no gradient, as the padding token's. Its value is used as it is. */
  readonly paddingIdx?: number | undefined
}

const embeddingOp = defineOp<EmbeddingOptions>({
  name: 'embedding',
  doc: 'Rows of a table by their numbers.',
  shape([ids, weight]) {
    checkDType('embedding', indexTypes, ids!)
    if (weight!.shape.length !== 2) {
      throw new ShapeError(`embedding: the table must be [rows, features], got ${formatShape(weight!.shape)}`)
    }
    return [{ shape: [...ids!.shape, weight!.shape[1]!], dtype: weight!.dtype }]
  },
  forward(context, [ids, weight]) {
    const y = context.empty()
    const lines = linesOf(weight!.shape, 0, ids!.size)
    runPick(context.run, { x: weight!, index: ids!, y, lines, shared: true })
    context.save(ids!)
    return y
  },
  backward(context, [dy], [ids], { paddingIdx }) {
    const { shape } = context.inputs[1]!
    // f32 also for an f16 table: a frequent row is the sum of thousands.
    const dweight = context.empty(shape, 'f32')
    const lines = linesOf(shape, 0, ids!.size)
    runAddAtIndex(context, { value: dy!, index: ids!, target: dweight, lines, shared: true, ignored: paddingIdx })
    return [undefined, dweight]
  },
  reference([ids, weight]) {
    const [rows, features] = weight!.shape as [number, number]
    const shape = [...ids!.shape, features]
    const data = Float64Array.from({ length: sizeOf(shape) }, (_, n) => {
      const id = ids!.data[Math.floor(n / features)]!
      return isPlace(id, rows) ? weight!.data[id * features + (n % features)]! : 0
    })
    return [{ data, shape }]
  },
  cost: ([ids, weight]) => ({ flops: 0, bytes: 8 * sizeOf(ids!.shape) * weight!.shape[1]! }),
  cases: [
    { name: 'repeated ids', inputs: [{ shape: [2, 9], dtype: 'i32', range: [0, 5] }, { shape: [5, 6] }], options: {} },
    { name: 'whole vectors', inputs: [{ shape: [7], dtype: 'u32', range: [0, 4] }, { shape: [4, 8] }], options: {} },
    { name: 'out of range', inputs: [{ shape: [12], dtype: 'i32', range: [-2, 7] }, { shape: [5, 3] }], options: {} },
    {
      name: 'BERT words',
      inputs: [{ shape: [64, 128], dtype: 'i32', range: [0, 30522] }, { shape: [30522, 768] }],
      options: {},
      bench: true,
    },
  ],
})

/**
 * Rows of `weight` `[rows, features]`: ids of any shape give `[...ids, features]`. An id outside the table gives zeros
 * and gets no gradient. The gradients of a repeated id add up in order, in f32, the same on every run.
 */
export function embedding(ids: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  return apply(embeddingOp, [ids, weight], options)
}
