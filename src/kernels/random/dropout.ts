import { bytesPerElement, checkDType, type DType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import { apply, defineOp } from '../../engine/op.js'
import type { Draw, Generator } from '../../engine/random.js'
import { sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { elementWindows } from '../../engine/window.js'
import type { Run } from '../layout/copy.js'
import dropoutWgsl from './dropout.wgsl'
import { probabilityThreshold, writeDraw } from './fill.js'
import { drawWord } from './host.js'
import philoxWgsl from './philox.wgsl'

interface Drop {
  readonly p: number
  readonly draw: Draw
}

interface DropoutProblem extends Drop {
  readonly dtype: DType
  readonly start: number
  readonly count: number
}

/** What kept elements are multiplied by; nothing is kept at p = 1. */
const scaleOf = (p: number): number => (p === 1 ? 0 : 1 / (1 - p))

const dropoutKernel = defineKernel<DropoutProblem>({
  name: 'dropout',
  variants: [
    {
      name: 'portable',
      wgsl: dropoutWgsl,
      specialize: ({ dtype }) => ({ types: { Element: dtype }, code: philoxWgsl }),
      key: ({ dtype }) => `|${dtype}`,
      parameters: (writer, { draw, start, count, p }) =>
        void writeDraw(writer, draw, start, count).u32(probabilityThreshold('dropout', p)).f32(scaleOf(p)),
      workgroups: ({ count }) => Math.ceil(count / 1024),
    },
  ],
})

function runDropout(run: Run, x: Tensor, y: Tensor, { p, draw }: Drop): void {
  const { maxBindingBytes } = x.device.capabilities
  for (const { start, count, of } of elementWindows(x.size, bytesPerElement(x.dtype), maxBindingBytes)) {
    run({
      kernel: dropoutKernel,
      problem: { p, draw, dtype: x.dtype, start, count },
      inputs: [of(x)],
      outputs: [of(y)],
    })
  }
}

const dropoutOp = defineOp<Drop>({
  name: 'dropout',
  doc: 'Zeroes elements at random and scales the others so that the mean stays.',
  shape([x], { p }) {
    checkDType('dropout', ['f32', 'f16'], x!)
    probabilityThreshold('dropout', p)
    return [{ shape: x!.shape, dtype: x!.dtype }]
  },
  forward(context, [x], options) {
    const y = context.empty()
    runDropout(context.run, x!, y, options)
    return y
  },
  backward(context, [dy], _, options) {
    const dx = context.empty(dy!.shape, dy!.dtype)
    runDropout(context.run, dy!, dx, options)
    return [dx]
  },
  reference([x], { p, draw }) {
    const threshold = probabilityThreshold('dropout', p)
    const data = x!.data.map((value, n) => (drawWord(draw, n) >>> 8 >= threshold ? value * scaleOf(p) : 0))
    return [{ data, shape: x!.shape }]
  },
  cost: ([x]) => ({ flops: sizeOf(x!.shape), bytes: 8 * sizeOf(x!.shape) }),
  cases: [
    { name: 'some', inputs: [{ shape: [5, 7, 3] }], options: { p: 0.3, draw: { seed: 1, index: 2 } } },
    { name: 'none', inputs: [{ shape: [6] }], options: { p: 0, draw: { seed: 4, index: 0 } } },
    { name: 'all', inputs: [{ shape: [6] }], options: { p: 1, draw: { seed: 4, index: 0 } } },
    {
      name: 'bandwidth',
      inputs: [{ shape: [1 << 22] }],
      options: { p: 0.1, draw: { seed: 1, index: 0 } },
      bench: true,
    },
  ],
})

export interface DropoutOptions {
  /** Probability that an element becomes 0. */
  readonly p: number
  readonly generator: Generator
  /** False passes `x` through. Default true. */
  readonly training?: boolean | undefined
}

/**
 * Zeroes elements of `x` with probability `p` and multiplies the others by 1 / (1 - p). The mask is recomputed in the
 * backward pass from the generator's draw, and repeats under `checkpoint`. Returns `x` itself when there is nothing to
 * do (p = 0, or not training), and then draws nothing.
 */
export function dropout(x: Tensor, { p, generator, training = true }: DropoutOptions): Tensor {
  if (!training || p === 0) return x
  return apply(dropoutOp, [x], { p, draw: generator.draw() })
}
