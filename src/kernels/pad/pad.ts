import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp } from '../../engine/op.js'
import { formatShape, type Shape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { moveCost } from '../layout/copy.js'
import { type PlacedAxis, referencePlace, runPlace } from '../layout/place.js'
import { type BorderMode, type Padding, referenceBorder, runBorder, runBorderGradient } from './border.js'

export type PadMode = 'constant' | BorderMode

export interface PadOptions {
  /** What fills the borders; default constant. Reflection does not repeat the edge element. */
  readonly mode?: PadMode | undefined
  /** What constant borders hold; default 0. */
  readonly value?: number | undefined
}

interface Pads extends Required<PadOptions> {
  readonly pads: readonly Padding[]
  readonly mode: PadMode
  readonly value: number
}

function paddedShape(shape: Shape, { pads, mode }: Pads): number[] {
  const text = `pads ${pads.map(([before, after]) => `${before}/${after}`).join(', ')}`
  if (pads.length !== shape.length || !pads.flat().every(Number.isInteger)) {
    throw new ShapeError(`pad: ${text} must be two integers for each axis of ${formatShape(shape)}`)
  }
  return shape.map((extent, axis) => {
    const [before, after] = pads[axis]!
    const padded = extent + before + after
    if (padded < 0) throw new ShapeError(`pad: ${text} cut more than there is of ${formatShape(shape)}`)
    const limit = longestBorder(mode, extent)
    if (Math.max(before, after) > limit) {
      throw new ShapeError(
        `pad: ${mode} borders of axis ${axis} of ${formatShape(shape)} are at most ${limit}: ${text}`,
      )
    }
    return padded
  })
}

function longestBorder(mode: PadMode, extent: number): number {
  if (mode === 'reflect') return Math.max(0, extent - 1)
  if (mode === 'circular') return extent
  return mode === 'constant' || extent > 0 ? Number.POSITIVE_INFINITY : 0
}

const forwardAxes = (shape: Shape, pads: readonly Padding[]): PlacedAxis[] =>
  shape.map((count, axis) => {
    const [before, after] = pads[axis]!
    return { extent: count + before + after, start: before, step: 1, count }
  })
const backwardAxes = (shape: Shape, pads: readonly Padding[]): PlacedAxis[] =>
  shape.map((extent, axis) => {
    const [before, after] = pads[axis]!
    return { extent, start: -before, step: 1, count: extent + before + after }
  })
const isIdentity = (pads: readonly Padding[]): boolean => pads.every(([before, after]) => before === 0 && after === 0)

const padOp = defineOp<Pads>({
  name: 'pad',
  doc: 'Borders around a tensor; negative ones crop.',
  shape: ([x], options) => [{ shape: paddedShape(x!.shape, options), dtype: x!.dtype }],
  forward(context, [x], { pads, mode, value }) {
    if (isIdentity(pads)) return x!.alias()
    const y = context.empty()
    if (mode === 'constant') {
      runPlace(context.run, { op: 'pad', source: x!, target: y, axes: forwardAxes(x!.shape, pads), fill: value })
    } else runBorder(context.run, { op: 'pad', mode, inner: x!, outer: y, pads })
    return y
  },
  backward(context, [dy], _, { pads, mode }) {
    if (isIdentity(pads)) return [dy]
    const { shape } = context.inputs[0]!
    const dx = context.empty(shape, dy!.dtype)
    if (mode === 'constant') {
      runPlace(context.run, { op: 'pad', source: dy!, target: dx, axes: backwardAxes(shape, pads) })
    } else runBorderGradient(context.run, { op: 'pad', mode, inner: dx, outer: dy!, pads })
    return [dx]
  },
  reference: ([x], { pads, mode, value }) => [
    mode === 'constant' ? referencePlace(x!, forwardAxes(x!.shape, pads), value) : referenceBorder(x!, mode, pads),
  ],
  cost: ([x], options) => moveCost(paddedShape(x!.shape, options)),
  cases: [
    ...(['constant', 'replicate', 'reflect', 'circular'] as const).flatMap((mode) => [
      ...padCases(
        mode,
        'grow',
        [3, 4],
        [
          [1, 2],
          [2, 0],
        ],
      ),
      ...padCases(
        mode,
        'grow and crop',
        [2, 5, 4],
        [
          [0, 0],
          [-1, 2],
          [2, -2],
        ],
      ),
      ...padCases(
        mode,
        'channels last',
        [1, 3, 4, 8],
        [
          [0, 0],
          [1, 1],
          [2, 1],
          [0, 0],
        ],
      ),
    ]),
    ...padCases('replicate', 'far beyond', [2], [[5, 4]]),
    ...padCases(
      'replicate',
      'one element',
      [1, 2],
      [
        [2, 1],
        [0, 0],
      ],
    ),
    ...padCases(
      'constant',
      'whole vectors',
      [3, 8],
      [
        [1, 0],
        [4, -4],
      ],
    ),
    ...padCases(
      'constant',
      'nothing',
      [3, 2],
      [
        [0, 0],
        [0, 0],
      ],
    ),
    ...padCases('constant', 'far away', [2], [[4, -3]]),
    {
      name: 'volume',
      inputs: [{ shape: [1, 128, 128, 128, 4] }],
      options: {
        pads: [
          [0, 0],
          [1, 1],
          [1, 1],
          [1, 1],
          [0, 0],
        ],
        mode: 'constant',
        value: 0,
      },
      bench: true,
    },
  ],
})

function padCases(mode: PadMode, name: string, shape: Shape, pads: readonly Padding[]) {
  return [{ name: `${mode}, ${name}`, inputs: [{ shape }], options: { pads, mode, value: -1.5 } }]
}

/**
 * Borders around `x`: `pads[i]` is `[before, after]` of axis `i`; negative numbers crop. Constant borders hold `value`;
 * replicated ones the edge element; reflected ones the tensor mirrored at its edge element (at most the extent - 1);
 * circular ones the tensor's other end (at most the extent).
 *
 * @throws ShapeError when the pads do not fit the shape.
 */
export function pad(x: Tensor, pads: readonly Padding[], options: PadOptions = {}): Tensor {
  return apply(padOp, [x], { pads, mode: options.mode ?? 'constant', value: options.value ?? 0 })
}
