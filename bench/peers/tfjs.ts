/** TensorFlow.js (npm `@tensorflow/tfjs-core`) with its WebGPU backend, which Dawn stands in for the browser's. */
import type { MissingPeer, Peer, PeerCase, PreparedPeer, Unsupported } from '../peer.js'
import { withNavigatorGpu } from './adapter.js'
import { type HostArray, headsOutside, outputChannelLast, permute } from './layouts.js'
import { attentionOptions, causalMask, convolutionGeometry, rowNorm, softmaxAxis, transposes } from './options.js'
import { loadPackage } from './packages.js'

interface TfTensor {
  readonly shape: number[]
  data(): Promise<Float32Array>
  dispose(): void
}

/** The parts of the backend that wait: it batches dispatches until it is told to submit. */
interface TfBackend {
  submitQueue(): void
  endComputePassEncoder(): void
  ensureCommandEncoderReady(): void
  readonly queue: GPUQueue
}

type Operand = TfTensor | number

interface Tf {
  setBackend(name: string): Promise<boolean>
  backend(): TfBackend
  tensor(data: Float32Array, shape: readonly number[], dtype: 'float32'): TfTensor
  tidy<T>(work: () => T): T
  matMul(a: TfTensor, b: TfTensor, transposeA: boolean, transposeB: boolean): TfTensor
  conv3d(
    x: TfTensor,
    filter: TfTensor,
    strides: readonly number[],
    pad: 'valid' | 'same',
    dataFormat: 'NDHWC',
    dilations: readonly number[],
  ): TfTensor
  softmax(x: TfTensor): TfTensor
  moments(x: TfTensor, axis: number, keepDims: boolean): { mean: TfTensor; variance: TfTensor }
  add(a: TfTensor, b: Operand): TfTensor
  sub(a: TfTensor, b: Operand): TfTensor
  mul(a: TfTensor, b: Operand): TfTensor
  rsqrt(x: TfTensor): TfTensor
  erf(x: TfTensor): TfTensor
  reshape(x: TfTensor, shape: readonly number[]): TfTensor
}

type Program = (...inputs: TfTensor[]) => TfTensor

interface Plan {
  readonly inputs: readonly HostArray[]
  readonly program: Program
  readonly restore?: (output: HostArray) => HostArray
}

export async function tfjsPeer(): Promise<Peer | MissingPeer> {
  const name = 'tfjs-webgpu'
  return withNavigatorGpu(async () => {
    const core = await loadPackage<Tf>('@tensorflow/tfjs-core')
    if ('missing' in core) return { name, missing: core.missing }
    const backend = await loadPackage<unknown>('@tensorflow/tfjs-backend-webgpu')
    if ('missing' in backend) return { name, missing: backend.missing }
    const { module: tf, version } = core
    if (!(await tf.setBackend('webgpu'))) return { name, missing: 'it finds no WebGPU adapter' }
    const note = 'inputs and outputs on the adapter; attention, layer norm and GELU composed of its operations'
    return { name, version, note, prepare: (problem) => prepare(tf, problem) }
  })
}

async function prepare(tf: Tf, problem: PeerCase): Promise<PreparedPeer | Unsupported> {
  if (problem.dtype !== 'f32') return { unsupported: `has no ${problem.dtype}` }
  if (problem.direction === 'backward') return { unsupported: 'computes gradients only together with the forward pass' }
  const plan = plans[problem.kind](tf, problem)
  if ('unsupported' in plan) return plan
  const { restore = (output) => output } = plan
  const inputs = plan.inputs.map(({ data, shape }) => tf.tensor(data, shape, 'float32'))
  let result: TfTensor | undefined
  const run = () => {
    result?.dispose()
    result = tf.tidy(() => plan.program(...inputs))
  }
  const sync = () => {
    const backend = tf.backend()
    backend.ensureCommandEncoderReady()
    backend.endComputePassEncoder()
    backend.submitQueue()
    return backend.queue.onSubmittedWorkDone().then(() => {})
  }
  run()
  await sync()
  return {
    run,
    sync,
    output: async () => restore({ data: await result!.data(), shape: result!.shape }).data,
    dispose() {
      for (const tensor of [...inputs, result!]) tensor.dispose()
    },
  }
}

const plans: Readonly<Record<PeerCase['kind'], (tf: Tf, problem: PeerCase) => Plan | Unsupported>> = {
  matmul(tf, problem) {
    const { a: swapA, b: swapB } = transposes(problem)
    return { inputs: problem.inputs, program: (a, b) => tf.matMul(a!, b!, swapA, swapB) }
  },
  linear(tf, { inputs: [x, ...rest] }) {
    const features = x!.shape.at(-1)!
    const rows = { data: x!.data, shape: [x!.data.length / features, features] }
    return {
      inputs: [rows, ...rest],
      program(input, weight, bias) {
        const product = tf.matMul(input!, weight!, false, true)
        return bias ? tf.add(product, bias) : product
      },
    }
  },
  conv3d(tf, problem) {
    const { stride, before, after, dilation, groups } = convolutionGeometry(problem)
    const [x, weight, ...bias] = problem.inputs
    const [outputs, ...kernel] = weight!.shape.slice(0, 4) as [number, number, number, number]
    const none = [...before, ...after].every((size) => size === 0)
    // With a stride, 'same' pads as TensorFlow does: more behind than in front.
    const same =
      stride.every((step) => step === 1) &&
      kernel.every((extent, axis) => {
        const reach = dilation[axis]! * (extent - 1)
        return before[axis] === reach / 2 && after[axis] === reach / 2
      })
    if (groups !== 1) return { unsupported: 'conv3d has no groups' }
    if (!none && !same) return { unsupported: "conv3d pads by 'valid' and 'same' only" }
    if (dilation.some((step) => step > 1) && stride.some((step) => step > 1)) {
      return { unsupported: 'conv3d takes strides or dilations, not both' }
    }
    return {
      inputs: [x!, permute(weight!, outputChannelLast), ...bias],
      program(input, filter, offset) {
        const result = tf.conv3d(input!, filter!, stride, none ? 'valid' : 'same', 'NDHWC', dilation)
        // Its shader for broadcasting over five axes does not compile.
        return offset ? tf.reshape(tf.add(tf.reshape(result, [-1, outputs]), offset), result.shape) : result
      },
    }
  },
  attention(tf, problem) {
    const { scale, causal } = attentionOptions(problem)
    const mask = causal ? [causalMask(problem)] : []
    return {
      inputs: [...problem.inputs.map((input) => permute(input, headsOutside)), ...mask],
      program(query, key, value, hidden) {
        const scores = tf.mul(tf.matMul(query!, key!, false, true), scale)
        return tf.matMul(tf.softmax(hidden ? tf.add(scores, hidden) : scores), value!, false, false)
      },
      restore: (output) => permute(output, headsOutside),
    }
  },
  layerNorm(tf, problem) {
    const { x, weight, bias, epsilon } = rowNorm(problem)
    return {
      inputs: [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])],
      program(input, ...affine) {
        const { mean, variance } = tf.moments(input!, -1, true)
        const normal = tf.mul(tf.sub(input!, mean), tf.rsqrt(tf.add(variance, epsilon)))
        const scaled = weight ? tf.mul(normal, affine.shift()!) : normal
        return bias ? tf.add(scaled, affine.shift()!) : scaled
      },
    }
  },
  softmax(tf, problem) {
    if (softmaxAxis(problem) !== problem.inputs[0]!.shape.length - 1)
      return { unsupported: 'softmax over the last axis only' }
    return { inputs: problem.inputs, program: (x) => tf.softmax(x!) }
  },
  gelu: (tf, { inputs }) => ({
    inputs,
    program: (x) => tf.mul(tf.mul(x!, 0.5), tf.add(tf.erf(tf.mul(x!, Math.SQRT1_2)), 1)),
  }),
}
