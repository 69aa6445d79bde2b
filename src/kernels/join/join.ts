import { DTypeError, ShapeError } from '../../engine/errors.js'
import { apply, applyAll, defineOp } from '../../engine/op.js'
import { formatShape, normalizeAxis, rowMajorStrides, type Shape, sameShape } from '../../engine/shape.js'
import type { Tensor, TensorSpec } from '../../engine/tensor.js'
import { moveCost, type Run, referenceView, runCopy } from '../layout/copy.js'
import { unsqueeze } from '../layout/index.js'
import { referencePlace } from '../layout/place.js'

interface AxisOptions {
  readonly axis: number
}

interface Band {
  readonly start: number
  readonly extent: number
}

/** Where parts of these extents lie along their common axis. */
function bandsOf(extents: readonly number[]): Band[] {
  let start = 0
  return extents.map((extent) => {
    const band = { start, extent }
    start += extent
    return band
  })
}

function concatShape(inputs: readonly Pick<TensorSpec, 'shape'>[], options: AxisOptions): number[] {
  const shapes = inputs.map(({ shape }) => shape)
  const axis = normalizeAxis('concat', options.axis, shapes[0]!.length)
  const others = (shape: Shape) => shape.toSpliced(axis, 1)
  if (!shapes.every((shape) => shape.length === shapes[0]!.length && sameShape(others(shape), others(shapes[0]!)))) {
    throw new ShapeError(`concat: shapes ${shapes.map(formatShape).join(', ')} differ beyond axis ${axis}`)
  }
  return shapes[0]!.with(
    axis,
    shapes.reduce((sum, shape) => sum + shape[axis]!, 0),
  )
}

function checkOneType(op: string, inputs: readonly TensorSpec[]): void {
  if (inputs.some(({ dtype }) => dtype !== inputs[0]!.dtype)) {
    throw new DTypeError(`${op}: types ${inputs.map(({ dtype }) => dtype).join(', ')} do not mix: cast first`)
  }
}

/** Copies between a part and its band of the whole. */
function copyBand(
  run: Run,
  {
    op,
    whole,
    part,
    axis,
    start,
    out,
  }: { op: string; whole: Tensor; part: Tensor; axis: number; start: number; out: boolean },
): void {
  const strides = rowMajorStrides(whole.shape)
  const band = { strides, start: start * strides[axis]! }
  const own = { strides: rowMajorStrides(part.shape) }
  const { shape } = part
  if (out) runCopy(run, { op, shape, source: whole, from: band, target: part })
  else runCopy(run, { op, shape, source: part, from: own, target: whole, into: band })
}

const concatOp = defineOp<AxisOptions>({
  name: 'concat',
  doc: 'Tensors one after another along an axis.',
  shape(inputs, options) {
    checkOneType('concat', inputs)
    return [{ shape: concatShape(inputs, options), dtype: inputs[0]!.dtype }]
  },
  forward(context, inputs, options) {
    const y = context.empty()
    const axis = normalizeAxis('concat', options.axis, y.shape.length)
    const bands = bandsOf(inputs.map(({ shape }) => shape[axis]!))
    for (const [i, part] of inputs.entries()) {
      copyBand(context.run, { op: 'concat', whole: y, part, axis, start: bands[i]!.start, out: false })
    }
    return y
  },
  backward(context, [dy], _, options) {
    const axis = normalizeAxis('concat', options.axis, dy!.shape.length)
    const bands = bandsOf(context.inputs.map(({ shape }) => shape[axis]!))
    return context.inputs.map(({ shape }, i) => {
      if (!context.needs[i]) return undefined
      const part = context.empty(shape, dy!.dtype)
      copyBand(context.run, { op: 'concat', whole: dy!, part, axis, start: bands[i]!.start, out: true })
      return part
    })
  },
  reference(inputs, options) {
    const shape = concatShape(inputs, options)
    const axis = normalizeAxis('concat', options.axis, shape.length)
    const bands = bandsOf(inputs.map((input) => input.shape[axis]!))
    const data = new Float64Array(shape.reduce((a, b) => a * b, 1))
    for (const [i, input] of inputs.entries()) {
      const axes = shape.map((extent, k) => ({
        extent,
        start: k === axis ? bands[i]!.start : 0,
        step: 1,
        count: input.shape[k]!,
      }))
      for (const [j, value] of referencePlace(input, axes, 0).data.entries()) data[j]! += value
    }
    return [{ data, shape }]
  },
  cost: (inputs, options) => moveCost(concatShape(inputs, options)),
  cases: [
    { name: 'first axis', inputs: [{ shape: [2, 3] }, { shape: [1, 3] }, { shape: [4, 3] }], options: { axis: 0 } },
    { name: 'last axis', inputs: [{ shape: [3, 2] }, { shape: [3, 5] }], options: { axis: -1 } },
    { name: 'whole vectors', inputs: [{ shape: [2, 3, 8] }, { shape: [2, 1, 8] }], options: { axis: 1 } },
    { name: 'an empty part', inputs: [{ shape: [2, 0] }, { shape: [2, 3] }], options: { axis: 1 } },
    { name: 'one part', inputs: [{ shape: [2, 3] }], options: { axis: 1 } },
    {
      name: 'skip connection',
      inputs: [{ shape: [1, 64, 64, 64, 32] }, { shape: [1, 64, 64, 64, 32] }],
      options: { axis: 4 },
      bench: true,
    },
  ],
})

/**
 * Tensors one after another along `axis`; their other extents and their types must agree. Any number of tensors.
 *
 * @throws ShapeError naming every shape.
 */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  return apply(concatOp, tensors, { axis })
}

const stackOp = defineOp<AxisOptions>({
  name: 'stack',
  doc: 'Tensors of one shape along a new axis.',
  shape(inputs, { axis }) {
    checkOneType('stack', inputs)
    const { shape, dtype } = inputs[0]!
    if (!inputs.every((input) => sameShape(input.shape, shape))) {
      throw new ShapeError(`stack: shapes ${inputs.map((input) => formatShape(input.shape)).join(', ')} differ`)
    }
    return [{ shape: shape.toSpliced(normalizeAxis('stack', axis, shape.length + 1), 0, inputs.length), dtype }]
  },
  forward(_, inputs, { axis }) {
    const at = normalizeAxis('stack', axis, inputs[0]!.shape.length + 1)
    return concat(
      inputs.map((input) => unsqueeze(input, at)),
      at,
    )
  },
  reference(inputs, { axis }) {
    const at = normalizeAxis('stack', axis, inputs[0]!.shape.length + 1)
    const raised = inputs.map(({ data, shape }) => ({ data, shape: shape.toSpliced(at, 0, 1) }))
    return concatOp.reference(raised, { axis: at })
  },
  cases: [
    { name: 'first', inputs: [{ shape: [2, 3] }, { shape: [2, 3] }], options: { axis: 0 } },
    { name: 'last', inputs: [{ shape: [2, 3] }, { shape: [2, 3] }, { shape: [2, 3] }], options: { axis: -1 } },
  ],
})

/** Tensors of one shape side by side along a new axis, which becomes axis `axis` of the result. */
export function stack(tensors: readonly Tensor[], axis: number): Tensor {
  return apply(stackOp, tensors, { axis })
}

interface SplitOptions extends AxisOptions {
  readonly sizes: readonly number[]
}

function splitShapes(shape: Shape, { sizes, axis }: SplitOptions): number[][] {
  const at = normalizeAxis('split', axis, shape.length)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total !== shape[at] || sizes.length === 0 || sizes.some((size) => !Number.isInteger(size) || size < 0)) {
    throw new ShapeError(`split: sizes ${formatShape(sizes)} do not add up to axis ${at} of ${formatShape(shape)}`)
  }
  return sizes.map((size) => shape.with(at, size))
}

const splitOp = defineOp<SplitOptions>({
  name: 'split',
  doc: 'Cuts a tensor into bands along an axis.',
  shape: ([x], options) => splitShapes(x!.shape, options).map((shape) => ({ shape, dtype: x!.dtype })),
  forward(context, [x], options) {
    const axis = normalizeAxis('split', options.axis, x!.shape.length)
    const bands = bandsOf(options.sizes)
    return context.outputs.map(({ shape, dtype }, i) => {
      const part = context.empty(shape, dtype)
      copyBand(context.run, { op: 'split', whole: x!, part, axis, start: bands[i]!.start, out: true })
      return part
    })
  },
  backward(context, grads, _, options) {
    const { shape } = context.inputs[0]!
    const axis = normalizeAxis('split', options.axis, shape.length)
    const dx = context.empty(shape, grads[0]!.dtype)
    for (const [i, { start }] of bandsOf(options.sizes).entries()) {
      copyBand(context.run, { op: 'split', whole: dx, part: grads[i]!, axis, start, out: false })
    }
    return [dx]
  },
  reference([x], options) {
    const axis = normalizeAxis('split', options.axis, x!.shape.length)
    const strides = rowMajorStrides(x!.shape)
    const bands = bandsOf(options.sizes)
    return splitShapes(x!.shape, options).map((shape, i) => ({
      data: referenceView(x!.data, shape, { strides, start: bands[i]!.start * strides[axis]! }),
      shape,
    }))
  },
  cost: ([x]) => moveCost(x!.shape),
  cases: [
    { name: 'first axis', inputs: [{ shape: [5, 3] }], options: { sizes: [2, 0, 3], axis: 0 } },
    { name: 'last axis', inputs: [{ shape: [3, 8] }], options: { sizes: [4, 3, 1], axis: -1 } },
    { name: 'whole', inputs: [{ shape: [3, 8] }], options: { sizes: [8], axis: 1 } },
    { name: 'q, k, v', inputs: [{ shape: [4096, 2304] }], options: { sizes: [768, 768, 768], axis: 1 }, bench: true },
  ],
})

/**
 * Cuts `x` along `axis` into bands: of the given sizes, or into `count` equal ones. Every band is a copy.
 *
 * @throws ShapeError when the sizes do not add up, or the axis does not divide by the count.
 */
export function split(x: Tensor, sizes: readonly number[] | number, axis: number): Tensor[] {
  if (typeof sizes !== 'number') return applyAll(splitOp, [x], { sizes, axis })
  const extent = x.shape[normalizeAxis('split', axis, x.shape.length)]!
  if (!Number.isInteger(sizes) || sizes < 1 || extent % sizes !== 0) {
    throw new ShapeError(`split: axis ${axis} of ${formatShape(x.shape)} does not divide into ${sizes} equal bands`)
  }
  return applyAll(splitOp, [x], { sizes: new Array<number>(sizes).fill(extent / sizes), axis })
}
