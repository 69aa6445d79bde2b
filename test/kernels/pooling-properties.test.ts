/** Pooling and resizing: random windows and sizes, forward in both types and gradients, against the float64 reference. */
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { definedOps } from '../../src/engine/op.js'
import { maxPool3d } from '../../src/kernels/pool3d/index.js'
import { resize3d } from '../../src/kernels/resize3d/index.js'
import { caseValues } from '../support/arrays.js'
import { type AnyCase, type AnyOp, checkForward, checkGradients } from '../support/check-operation.js'
import { testDevice } from '../support/device.js'

const device = await testDevice()
// The operations themselves are not part of the kernels' faces; the registry has them.
void [maxPool3d, resize3d]
const operation = (name: string) => definedOps().find((op) => op.name === name) as unknown as AnyOp

const perAxis = (least: number, most: number) => {
  const number = fc.integer({ min: least, max: most })
  return fc.tuple(number, number, number)
}

const volumes = fc.record({
  batch: fc.integer({ min: 1, max: 2 }),
  extents: perAxis(1, 4),
  channels: fc.constantFrom(1, 3, 4),
})

/** Values far enough apart that no difference quotient changes which is the largest. */
function caseOf(shape: readonly number[], options: unknown): AnyCase {
  const size = shape.reduce((a, b) => a * b, 1)
  const order = [...caseValues({ shape }, 1).keys()].sort((a, b) => ((a * 7919) % size) - ((b * 7919) % size) || a - b)
  return { name: 'random', inputs: [{ shape, values: order.map((rank) => rank / 64 - 1) }], options }
}

const sliding = fc
  .record({
    volume: volumes,
    kernel: perAxis(1, 3),
    stride: perAxis(1, 3),
    padding: perAxis(0, 1),
    dilation: perAxis(1, 2),
    ceilMode: fc.boolean(),
    countIncludePad: fc.boolean(),
  })
  .map(({ volume, padding, ...rest }) => ({
    ...rest,
    volume,
    // No more than half of the window, and none that dilation could step over everything with: -infinity has no slope.
    padding: padding.map((n, axis) => (rest.kernel[axis]! > 1 && rest.dilation[axis]! === 1 ? n : 0)),
  }))

async function check(op: AnyOp, test: AnyCase): Promise<void> {
  await checkForward(op, test, 'f32')
  if (device.capabilities.f16) await checkForward(op, test, 'f16')
  await checkGradients(op, test)
}

const runs = { numRuns: 16 }

describe('pooling', () => {
  const spans = ({
    kernel,
    dilation,
    volume,
    padding,
  }: {
    kernel: number[]
    dilation: number[]
    volume: { extents: number[] }
    padding: number[]
  }) => kernel.every((n, axis) => dilation[axis]! * (n - 1) + 1 <= volume.extents[axis]! + 2 * padding[axis]!)

  it('takes the largest of any windows', async () => {
    await fc.assert(
      fc.asyncProperty(sliding.filter(spans), async ({ volume, countIncludePad: _, ...options }) => {
        await check(operation('maxPool3d'), caseOf([volume.batch, ...volume.extents, volume.channels], options))
      }),
      runs,
    )
  })

  it('averages any windows', async () => {
    const undilated = sliding.map((drawn) => ({ ...drawn, dilation: [1, 1, 1] }))
    await fc.assert(
      fc.asyncProperty(undilated.filter(spans), async ({ volume, dilation: _, ...options }) => {
        await check(operation('avgPool3d'), caseOf([volume.batch, ...volume.extents, volume.channels], options))
      }),
      runs,
    )
  })

  it.each(['adaptiveMaxPool3d', 'adaptiveAvgPool3d'])('%s makes any number of parts', async (name) => {
    await fc.assert(
      fc.asyncProperty(volumes, perAxis(1, 6), async ({ batch, extents, channels }, outputSize) => {
        await check(operation(name), caseOf([batch, ...extents, channels], { outputSize }))
      }),
      runs,
    )
  })
})

it('resizes to any size in every mode', async () => {
  const modes = fc.constantFrom({ mode: 'trilinear' }, { mode: 'trilinear', alignCorners: true }, { mode: 'nearest' })
  await fc.assert(
    fc.asyncProperty(volumes, perAxis(1, 7), modes, async ({ batch, extents, channels }, size, mode) => {
      await check(operation('resize3d'), caseOf([batch, ...extents, channels], { ...mode, size }))
    }),
    { ...runs, numRuns: 30 },
  )
})
