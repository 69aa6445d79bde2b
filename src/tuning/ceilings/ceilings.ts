/** What a device can do at most, measured in a second: so that the tuner stops where nothing is left to gain. */
import type { Capabilities } from '../../engine/capabilities.js'
import { type Clock, chooseClock } from '../../engine/clock.js'
import { dispatch } from '../../engine/dispatch.js'
import { bytesPerElement } from '../../engine/dtype.js'
import { type Device, empty, scope, type TuningProblem, tensor } from '../../engine/index.js'
import type { Kernel } from '../../engine/kernel.js'
import { sizeOf } from '../../engine/shape.js'
import copyWgsl from './copy.wgsl'
import fmaWgsl from './fma.wgsl'

/** Per millisecond. */
export interface Ceilings {
  /** Of ordinary f32 arithmetic. */
  readonly flops: number
  /** Read and written, of the fastest working set. */
  readonly bytes: number
}

interface ProbeProblem {
  readonly workgroups: number
  readonly rounds: number
  /** Vectors that an invocation copies per round. */
  readonly share: number
}

const probe = (name: string, wgsl: string, code = '', vector = 'vec4<f32>'): Kernel<ProbeProblem> => ({
  name: `ceiling ${name}`,
  variants: [
    {
      name: 'probe',
      wgsl,
      specialize: () => ({ types: { Scalar: 'f32', Vector: vector }, code }),
      parameters: (writer, { rounds, share }) => writer.u32(rounds).u32(share),
      workgroups: ({ workgroups }) => workgroups,
    },
  ],
})

/** Compilers differ in which of the two they turn into the machine's instruction, and in which width they keep in registers. */
const arithmetic = ['f32', 'vec4<f32>'].flatMap((vector) =>
  ['fma(x, scale, shift)', 'x * scale + shift'].map((expression) => ({
    width: vector === 'f32' ? 1 : 4,
    kernel: probe(
      `${vector} ${expression}`,
      fmaWgsl,
      `fn advance(x: Vector, scale: Vector, shift: Vector) -> Vector { return ${expression}; }`,
      vector,
    ),
  })),
)
const copy = probe('copy', copyWgsl)

const fmaInvocations = 128
/** Of an invocation per round and component. */
const fmaFlops = 64
const copyInvocations = 64
const vectorBytes = 16
/** A working set in the caches, and one beyond them. */
const workingSets = [2 ** 20, 2 ** 25]

const sampleMs = 5
const samples = 5
const mostRounds = 2 ** 24

/** Best of a few samples of at least {@link sampleMs}: a ceiling is what happened when nothing disturbed it. */
async function bestRate(clock: Clock, work: (rounds: number) => void, perRound: number): Promise<number> {
  const time = async (rounds: number, expectedMs = 0) =>
    (await clock.time([{ run: () => work(rounds) }], expectedMs))[0]!
  // The first execution compiles.
  await time(1)
  let rounds = 1
  let ms = await time(rounds)
  while (ms < sampleMs && rounds < mostRounds) {
    rounds *= 4
    ms = await time(rounds)
  }
  for (let sample = 1; sample < samples; sample++) ms = Math.min(ms, await time(rounds, ms))
  return (perRound * rounds) / ms
}

export async function measureCeilings(device: Device): Promise<Ceilings> {
  // Fills the largest GPUs; a software adapter needs a few workgroups per thread.
  const workgroups = device.capabilities.software ? 64 : 4096
  const constants = tensor(device, [0.5, 0.25, 0, 0])
  const result = empty(device, [4 * fmaInvocations])
  const fma = (kernel: Kernel<ProbeProblem>) => (rounds: number) =>
    scope(() =>
      dispatch(device, { kernel, problem: { workgroups, rounds, share: 0 }, inputs: [constants], outputs: [result] }),
    )
  const { clock } = await chooseClock(device, (amount) => fma(arithmetic[0]!.kernel)(16 * amount))
  let flops = 0
  for (const { kernel, width } of arithmetic) {
    flops = Math.max(flops, await bestRate(clock, fma(kernel), fmaFlops * width * fmaInvocations * workgroups))
  }
  constants.dispose()
  result.dispose()
  let bytes = 0
  for (const size of workingSets) bytes = Math.max(bytes, await copyRate(device, clock, size, workgroups))
  device.pool.trim()
  return { flops, bytes }
}

/** Of a working set: half of it is read, half written. */
async function copyRate(device: Device, clock: Clock, size: number, most: number): Promise<number> {
  const [source, target] = [empty(device, [size / 8]), empty(device, [size / 8])]
  const vectors = size / 2 / vectorBytes
  const workgroups = Math.min(most, vectors / copyInvocations)
  const share = vectors / copyInvocations / workgroups
  const work = (rounds: number) =>
    scope(() =>
      dispatch(device, { kernel: copy, problem: { workgroups, rounds, share }, inputs: [source], outputs: [target] }),
    )
  const rate = await bestRate(clock, work, size)
  source.dispose()
  target.dispose()
  return rate
}

/**
 * Least milliseconds that a problem can take. Where the device has matrices for the type of an input, arithmetic is no
 * ceiling that was measured; bytes are, of which the fewer are taken: a cost may count what is read again from a cache,
 * and tensors may be read in part.
 */
export function leastMs(
  { flops, bytes }: Ceilings,
  { subgroupMatrixConfigs }: Capabilities,
  { cost, inputs, outputs }: Pick<TuningProblem, 'cost' | 'inputs' | 'outputs'>,
): number {
  const hasMatrices = inputs.some(({ dtype }) =>
    subgroupMatrixConfigs.some(({ componentType }) => componentType === dtype),
  )
  const tensors = [...inputs, ...outputs].reduce(
    (sum, { shape, dtype }) => sum + sizeOf(shape) * bytesPerElement(dtype),
    0,
  )
  return Math.max(hasMatrices ? 0 : cost.flops / flops, Math.min(cost.bytes, tensors) / bytes)
}
