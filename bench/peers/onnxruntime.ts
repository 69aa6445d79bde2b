/**
 * ONNX Runtime (npm `onnxruntime-node`), by its WebGPU and its CPU provider.
 *
 * On WebGPU, inputs and output stay on the adapter: an identity model uploads, its output is asked for as a buffer, and
 * runs bind such buffers on both sides. In Node a bound buffer is opaque, so another identity model reads it back.
 */
import { float16ToFloat32, float32ToFloat16 } from '../../src/numeric/half.js'
import type { MissingPeer, Peer, PeerCase, PreparedPeer, Unsupported } from '../peer.js'
import { sharedAdapter } from './adapter.js'
import type { HostArray } from './layouts.js'
import { composedAttention, type OnnxCase, onnxCase } from './onnx-cases.js'
import { encodeModel, type OnnxGraph, type OnnxType } from './onnx-model.js'
import { loadPackage } from './packages.js'
import { orUnsupported } from './prepared.js'

interface OrtTensor {
  readonly type: string
  readonly dims: readonly number[]
  readonly data: Float32Array | Uint16Array
  dispose(): void
}

type OrtTensors = Record<string, OrtTensor>

interface OrtSession {
  /** Outputs that are given are written to. */
  run(inputs: OrtTensors, outputs?: OrtTensors): Promise<OrtTensors>
  release(): Promise<void>
}

interface Ort {
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OrtSession> }
  readonly Tensor: new (type: OnnxType, data: Float32Array | Uint16Array, dims: readonly number[]) => OrtTensor
  listSupportedBackends(): { name: string }[]
}

/** Without the guards that our own fast profile is without, too. */
const webgpuProvider = { name: 'webgpu', validationMode: 'disabled', enableRobustness: false }
/** Beyond this many, composed attention may not fit the adapter; the suite compares results anyway. */
const mostScores = 2 ** 24
/** Of the largest value; f16 results differ by a tenth of this. */
const fusedTolerance = 1e-2
const quiet = { logSeverityLevel: 4 }
/** Otherwise what WebGPU has no kernel for would silently run, and be timed, on the CPU. */
const withoutFallback = { session: { disable_cpu_ep_fallback: '1' } }

export async function onnxRuntimePeers(): Promise<(Peer | MissingPeer)[]> {
  const names = { webgpu: 'onnxruntime-webgpu', cpu: 'onnxruntime-cpu' }
  const loaded = await loadPackage<Ort>('onnxruntime-node')
  if ('missing' in loaded) return Object.values(names).map((name) => ({ name, missing: loaded.missing }))
  const { module: ort, version } = loaded
  const cpu: Peer = {
    name: names.cpu,
    version,
    note: 'CPU provider, all cores; weights are inputs, so none is packed ahead',
    prepare: (problem) => prepareOnCpu(ort, problem),
  }
  if (!ort.listSupportedBackends().some(({ name }) => name === 'webgpu')) {
    return [{ name: names.webgpu, missing: `onnxruntime-node ${version} has no WebGPU provider on this system` }, cpu]
  }
  await sharedAdapter()
  const webgpu: Peer = {
    name: names.webgpu,
    version,
    note: 'WebGPU provider with a Dawn of its own; inputs and output bound to buffers on the adapter',
    prepare: (problem) => prepareOnWebgpu(ort, problem),
  }
  return [webgpu, cpu]
}

async function prepareOnCpu(ort: Ort, problem: PeerCase): Promise<PreparedPeer | Unsupported> {
  const plan = onnxCase(problem)
  if ('unsupported' in plan) return plan
  return orUnsupported(async () => {
    const session = await createSession(ort, plan.graph, { executionProviders: ['cpu'] })
    const inputs = named(plan.inputs.map((array) => hostTensor(ort, problem.dtype, array)))
    // The first result's memory takes all further ones.
    const result = await session.run(inputs)
    return {
      note: plan.note,
      run: async () => void (await session.run(inputs, result)),
      sync: async () => {},
      output: async () => plan.restore(hostArray(result.y!)).data,
      dispose: () => void session.release(),
    }
  })
}

async function prepareOnWebgpu(ort: Ort, problem: PeerCase): Promise<PreparedPeer | Unsupported> {
  const plan = onnxCase(problem)
  if ('unsupported' in plan) return plan
  return orUnsupported(async () => {
    const prepared = await runOnWebgpu(ort, plan, problem.dtype)
    return problem.kind === 'attention' ? verified(ort, problem, prepared) : prepared
  })
}

async function runOnWebgpu(ort: Ort, plan: OnnxCase, dtype: PeerCase['dtype']): Promise<PreparedPeer> {
  const mover = await moverOf(ort, dtype)
  const session = await createSession(ort, plan.graph, {
    executionProviders: [webgpuProvider],
    preferredOutputLocation: 'gpu-buffer',
    extra: withoutFallback,
  })
  const inputs = named(await Promise.all(plan.inputs.map((array) => mover.upload(array))))
  const result = await session.run(inputs)
  return {
    note: plan.note,
    run: async () => void (await session.run(inputs, result)),
    sync: mover.sync,
    output: async () => plan.restore(await mover.download(result.y!)).data,
    dispose() {
      for (const tensor of [...Object.values(inputs), result.y!]) tensor.dispose()
      void session.release()
    },
  }
}

/**
 * The fused attention if it is right, and otherwise one composed of products and a softmax. From 32 keys on it is wrong
 * where subgroups have 8 invocations, as on lavapipe (1.30.0; on the CPU provider it is right).
 */
async function verified(ort: Ort, problem: PeerCase, fused: PreparedPeer): Promise<PreparedPeer> {
  const [q, k] = problem.inputs
  const scores = (q!.data.length / q!.shape[3]!) * k!.shape[1]!
  if (scores > mostScores) return fused
  const composed = await runOnWebgpu(ort, composedAttention(problem), problem.dtype)
  const [mine, other] = [await fused.output(), await composed.output()]
  const largest = other.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const right = mine.every((value, i) => Math.abs(value - other[i]!) <= fusedTolerance * largest)
  const [kept, dropped] = right ? [fused, composed] : [composed, fused]
  dropped.dispose()
  return right ? kept : { ...kept, note: 'composed, because its fused attention is wrong on this adapter' }
}

const createSession = (ort: Ort, graph: OnnxGraph, options: object): Promise<OrtSession> =>
  ort.InferenceSession.create(encodeModel(graph), { ...quiet, graphOptimizationLevel: 'all', ...options })

/** Moves arrays to the adapter and back. */
interface Mover {
  upload(array: HostArray): Promise<OrtTensor>
  download(tensor: OrtTensor): Promise<HostArray>
  /** Reads one number back: the queue is in order, so all that was submitted before is done then. */
  sync(): Promise<void>
}

const movers = new Map<PeerCase['dtype'], Promise<Mover>>()

function moverOf(ort: Ort, dtype: PeerCase['dtype']): Promise<Mover> {
  let mover = movers.get(dtype)
  if (!mover) {
    mover = createMover(ort, dtype)
    movers.set(dtype, mover)
  }
  return mover
}

async function createMover(ort: Ort, dtype: PeerCase['dtype']): Promise<Mover> {
  const type: OnnxType = dtype === 'f16' ? 'float16' : 'float32'
  const identity = encodeModel({
    inputs: [{ name: 'a', type }],
    nodes: [{ op: 'Identity', inputs: ['a'], output: 'y' }],
    output: { name: 'y', type },
  })
  const options = { ...quiet, executionProviders: [webgpuProvider] }
  const up = await ort.InferenceSession.create(identity, { ...options, preferredOutputLocation: 'gpu-buffer' })
  const down = await ort.InferenceSession.create(identity, options)
  const upload = async (array: HostArray) => (await up.run({ a: hostTensor(ort, dtype, array) })).y!
  const one = await upload({ data: new Float32Array(1), shape: [1] })
  return {
    upload,
    download: async (tensor) => hostArray((await down.run({ a: tensor })).y!),
    sync: async () => void (await down.run({ a: one })),
  }
}

function hostTensor(ort: Ort, dtype: PeerCase['dtype'], { data, shape }: HostArray): OrtTensor {
  return dtype === 'f16'
    ? new ort.Tensor('float16', float32ToFloat16(data), shape)
    : new ort.Tensor('float32', data, shape)
}

function hostArray({ data, dims }: OrtTensor): HostArray {
  if (data instanceof Float32Array) return { data, shape: dims }
  // Node from 24 on has a Float16Array; its bits are what counts.
  const bits = new Uint16Array(data.buffer, data.byteOffset, data.length)
  return { data: float16ToFloat32(bits), shape: dims }
}

const named = (tensors: readonly OrtTensor[]): OrtTensors =>
  Object.fromEntries(tensors.map((tensor, i) => ['abcde'[i]!, tensor]))
