import { ShapeError } from '../../engine/errors.js'
import { apply, defineOp, type ForwardContext } from '../../engine/op.js'
import { formatShape, normalizeAxis, type Shape } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { moveCost } from '../layout/copy.js'
import { type Padding, referenceBorder, runBorder } from '../pad/border.js'

interface RollOptions {
  readonly shifts: readonly number[]
  readonly axes: readonly number[]
}

/** A roll by s is a circular border of s before and -s after. */
function rollPads(shape: Shape, { shifts, axes }: RollOptions): Padding[] {
  if (shifts.length !== axes.length || !shifts.every(Number.isInteger)) {
    throw new ShapeError(
      `roll: shifts ${formatShape(shifts)} must be one integer for each of axes ${formatShape(axes)}`,
    )
  }
  const total = shape.map(() => 0)
  for (const [i, axis] of axes.entries()) total[normalizeAxis('roll', axis, shape.length)]! += shifts[i]!
  return shape.map((extent, axis) => {
    const shift = extent === 0 ? 0 : ((total[axis]! % extent) + extent) % extent
    return [shift, -shift]
  })
}

function rolled(context: Pick<ForwardContext, 'run'> & RollContext, x: Tensor, pads: readonly Padding[]): Tensor {
  if (pads.every(([shift]) => shift === 0)) return x.alias()
  const y = context.empty(x.shape, x.dtype)
  runBorder(context.run, { op: 'roll', mode: 'circular', inner: x, outer: y, pads })
  return y
}

interface RollContext {
  empty(shape: Shape, dtype: Tensor['dtype']): Tensor
}

const opposite = ({ shifts, axes }: RollOptions): RollOptions => ({ shifts: shifts.map((shift) => -shift), axes })

const rollOp = defineOp<RollOptions>({
  name: 'roll',
  doc: 'Shifts elements along axes; what leaves at one end enters at the other.',
  shape([x], options) {
    rollPads(x!.shape, options)
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  forward: (context, [x], options) => rolled(context, x!, rollPads(x!.shape, options)),
  backward: (context, [dy], _, options) => [rolled(context, dy!, rollPads(dy!.shape, opposite(options)))],
  reference: ([x], options) => [referenceBorder(x!, 'circular', rollPads(x!.shape, options))],
  cost: ([x]) => moveCost(x!.shape),
  cases: [
    { name: 'forwards', inputs: [{ shape: [5, 3] }], options: { shifts: [2], axes: [0] } },
    { name: 'backwards', inputs: [{ shape: [2, 4, 5] }], options: { shifts: [-1, -7], axes: [1, -1] } },
    { name: 'twice the same axis', inputs: [{ shape: [5] }], options: { shifts: [2, 4], axes: [0, 0] } },
    { name: 'full turn', inputs: [{ shape: [4, 2] }], options: { shifts: [4], axes: [0] } },
    { name: 'windows', inputs: [{ shape: [1, 4, 4, 2, 8] }], options: { shifts: [-2, -2, 1], axes: [1, 2, 3] } },
    {
      name: 'shifted windows',
      inputs: [{ shape: [1, 48, 48, 48, 48] }],
      options: { shifts: [-3, -3, -3], axes: [1, 2, 3] },
      bench: true,
    },
  ],
})

/** Shifts `x` by `shifts[i]` towards higher indices along `axes[i]`; what leaves at one end enters at the other. */
export function roll(x: Tensor, shifts: readonly number[], axes: readonly number[]): Tensor {
  return apply(rollOp, [x], { shifts, axes })
}
