/** jax-js (npm `@jax-js/jax`): a compiler of array programs to WGSL, in the browser's WebGPU, which Dawn stands in for. */
import type { MissingPeer, Peer, PeerCase, PreparedPeer } from '../peer.js'
import { withNavigatorGpu } from './adapter.js'
import { channelsFirst, channelsLast, type HostArray, headsOutside, permute } from './layouts.js'
import { attentionOptions, causalMask, convolutionGeometry, rowNorm, softmaxAxis, transposes } from './options.js'
import { loadPackage } from './packages.js'
import { orUnsupported } from './prepared.js'

/** Every use consumes an array, unless it is of a fresh `ref`. */
interface JaxArray {
  readonly ref: JaxArray
  readonly shape: number[]
  mul(other: JaxArray | number): JaxArray
  add(other: JaxArray | number): JaxArray
  sub(other: JaxArray | number): JaxArray
  astype(dtype: string): JaxArray
  data(): Promise<Float32Array>
  blockUntilReady(): Promise<JaxArray>
  dispose(): void
}

interface ConvolutionOptions {
  rhsDilation: readonly number[]
  featureGroupCount: number
}

interface Jax {
  init(...devices: string[]): Promise<string[]>
  defaultDevice(device: string): string
  jit(program: (...inputs: JaxArray[]) => JaxArray[]): CompiledProgram
  vjp(program: Program, inputs: readonly JaxArray[]): [output: JaxArray, pull: (gradient: JaxArray) => JaxArray[]]
  readonly numpy: {
    array(data: Float32Array, options: { shape: readonly number[]; dtype: string }): JaxArray
    matmul(a: JaxArray, b: JaxArray): JaxArray
    matrixTranspose(a: JaxArray): JaxArray
    reshape(a: JaxArray, shape: readonly number[]): JaxArray
  }
  readonly lax: {
    convGeneralDilated(
      x: JaxArray,
      weight: JaxArray,
      strides: readonly number[],
      padding: readonly (readonly [number, number])[],
      options: ConvolutionOptions,
    ): JaxArray
  }
  readonly nn: {
    standardize(x: JaxArray, axis: number, options: { epsilon: number }): JaxArray
    softmax(x: JaxArray, axis: number): JaxArray
    gelu(x: JaxArray, options: { approximate: boolean }): JaxArray
  }
}

type Program = (...inputs: JaxArray[]) => JaxArray

type CompiledProgram = ((...inputs: JaxArray[]) => JaxArray[]) & { dispose(): void }

interface Plan {
  readonly inputs: readonly HostArray[]
  readonly program: Program
  /** Where layouts differ: the output, and the first input, which has the same axes, in ours. */
  readonly restore?: (output: HostArray) => HostArray
  /** And an array of ours in jax-js's. */
  readonly arrange?: (array: HostArray) => HostArray
}

const dtypes: Readonly<Record<PeerCase['dtype'], string>> = { f32: 'float32', f16: 'float16' }

export async function jaxPeer(): Promise<Peer | MissingPeer> {
  const name = 'jax-js'
  return withNavigatorGpu(async () => {
    const loaded = await loadPackage<Jax>('@jax-js/jax')
    if ('missing' in loaded) return { name, missing: loaded.missing }
    const { module: jax, version } = loaded
    if (!(await jax.init('webgpu')).includes('webgpu')) return { name, missing: 'it finds no WebGPU adapter' }
    jax.defaultDevice('webgpu')
    const note = 'jit-compiled; inputs and outputs on the adapter; convolutions in its channels-first layout'
    return { name, version, note, prepare: (problem) => orUnsupported(() => prepare(jax, problem)) }
  })
}

async function prepare(jax: Jax, problem: PeerCase): Promise<PreparedPeer> {
  const backward = problem.direction === 'backward'
  const plan = backward ? gradientPlan(jax, problem) : plans[problem.kind](jax, problem)
  const { restore = (output: HostArray) => output } = plan
  const compiled = jax.jit(
    backward ? gradientsOf(jax, plan.program, problem.inputs.length - 1) : (...inputs) => [plan.program(...inputs)],
  )
  const inputs = plan.inputs.map(({ data, shape }) =>
    jax.numpy.array(data, { shape, dtype: 'float32' }).astype(dtypes[problem.dtype]),
  )
  await Promise.all(inputs.map((input) => input.blockUntilReady()))
  const results = new Results()
  const run = () => results.add(compiled(...inputs.map((input) => input.ref)))
  await run()
  await results.sync()
  return {
    run,
    sync: () => results.sync(),
    async output() {
      await results.sync()
      const { latest } = results
      return restore({ data: await latest.ref.astype('float32').data(), shape: latest.shape }).data
    },
    dispose() {
      results.dispose()
      for (const input of inputs) input.dispose()
      compiled.dispose()
    },
  }
}

/** The forward plan with the output's gradient as one more input, in the layout of the output. */
function gradientPlan(jax: Jax, problem: PeerCase): Plan {
  const gradient = problem.inputs.at(-1)!
  const plan = plans[problem.kind](jax, { ...problem, inputs: problem.inputs.slice(0, -1) })
  const { arrange = (array: HostArray) => array } = plan
  return { ...plan, inputs: [...plan.inputs, arrange(gradient)] }
}

/** The gradients of the first `count` inputs; of the forward pass, jit keeps only what they need. */
const gradientsOf =
  (jax: Jax, program: Program, count: number) =>
  (...inputs: JaxArray[]): JaxArray[] => {
    const gradient = inputs.pop()!
    const [output, pull] = jax.vjp(program, inputs)
    output.dispose()
    const gradients = pull(gradient)
    for (const unused of gradients.splice(count)) unused.dispose()
    return gradients
  }

/**
 * Results not yet waited for. jax-js is lazy: a result that is dropped before somebody waits for it is never computed,
 * so all are kept until then; and a queue without end would run out of memory, so it is emptied now and then.
 */
class Results {
  private readonly pending: JaxArray[][] = []
  private readonly limit = 32

  add(result: JaxArray[]): void | Promise<void> {
    this.pending.push(result)
    if (this.pending.length >= this.limit) return this.sync()
  }

  /** The first array of the last result. */
  get latest(): JaxArray {
    return this.pending.at(-1)![0]!
  }

  async sync(): Promise<void> {
    await Promise.all(this.pending.flat().map((result) => result.blockUntilReady()))
    for (const result of this.pending.splice(0, this.pending.length - 1).flat()) result.dispose()
  }

  dispose(): void {
    for (const result of this.pending.splice(0).flat()) result.dispose()
  }
}

const plans: Readonly<Record<PeerCase['kind'], (jax: Jax, problem: PeerCase) => Plan>> = {
  matmul({ numpy }, problem) {
    const { a: swapA, b: swapB } = transposes(problem)
    const side = (array: JaxArray, swap: boolean) => (swap ? numpy.matrixTranspose(array) : array)
    return { inputs: problem.inputs, program: (a, b) => numpy.matmul(side(a!, swapA), side(b!, swapB)) }
  },
  linear: ({ numpy }, { inputs }) => ({
    inputs,
    program(x, weight, bias) {
      const product = numpy.matmul(x!, numpy.matrixTranspose(weight!))
      return bias ? product.add(bias) : product
    },
  }),
  conv3d({ lax, numpy }, problem) {
    const { stride, before, after, dilation, groups } = convolutionGeometry(problem)
    const [x, weight, ...bias] = problem.inputs
    const padding = before.map((size, axis) => [size, after[axis]!] as const)
    return {
      inputs: [permute(x!, channelsFirst), permute(weight!, channelsFirst), ...bias],
      program(input, kernel, offset) {
        const options = { rhsDilation: dilation, featureGroupCount: groups }
        const result = lax.convGeneralDilated(input!, kernel!, stride, padding, options)
        return offset ? result.add(numpy.reshape(offset, [-1, 1, 1, 1])) : result
      },
      restore: (output) => permute(output, channelsLast),
      arrange: (array) => permute(array, channelsFirst),
    }
  },
  // As its own dotProductAttention composes it, except for the einsum, whose parser needs a newer Node than we do.
  attention({ nn, numpy }, problem) {
    const { scale, causal } = attentionOptions(problem)
    const mask = causal ? [causalMask(problem)] : []
    return {
      inputs: [...problem.inputs.map((input) => permute(input, headsOutside)), ...mask],
      program(query, key, value, hidden) {
        const scores = numpy.matmul(query!, numpy.matrixTranspose(key!)).mul(scale)
        return numpy.matmul(nn.softmax(hidden ? scores.add(hidden) : scores, -1), value!)
      },
      restore: (output) => permute(output, headsOutside),
      arrange: (array) => permute(array, headsOutside),
    }
  },
  layerNorm({ nn }, problem) {
    const { x, weight, bias, epsilon } = rowNorm(problem)
    return {
      inputs: [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])],
      program(input, ...affine) {
        const normal = nn.standardize(input!, -1, { epsilon })
        const scaled = weight ? normal.mul(affine.shift()!) : normal
        return bias ? scaled.add(affine.shift()!) : scaled
      },
      arrange: ({ data }) => ({ data, shape: x.shape }),
    }
  },
  softmax({ nn }, problem) {
    const axis = softmaxAxis(problem)
    return { inputs: problem.inputs, program: (x) => nn.softmax(x!, axis) }
  },
  gelu: ({ nn }, { inputs }) => ({ inputs, program: (x) => nn.gelu(x!, { approximate: false }) }),
}
