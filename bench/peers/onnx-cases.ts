/** Cases as ONNX graphs. Every input is a graph input, weights too: nothing is folded or packed ahead of the clock. */

import type { PeerCase, Unsupported } from '../peer.js'
import { channelsFirst, channelsLast, type HostArray, headsOutside, permute, sizeOf } from './layouts.js'
import type { OnnxGraph, OnnxNode, OnnxType } from './onnx-model.js'
import { attentionOptions, causalMask, convolutionGeometry, rowNorm, softmaxAxis, transposes } from './options.js'

export interface OnnxCase {
  readonly graph: OnnxGraph
  /** One per graph input, in its order. */
  readonly inputs: readonly HostArray[]
  /** The graph's output, which has this shape, in our layout. */
  restore(output: HostArray): HostArray
  /** What the graph does differently. */
  readonly note: string
}

type Inputs = PeerCase['inputs']

/** What one kind of case becomes; its inputs are named `a`, `b`, `c` … in order, and the output is `y`. */
interface Plan {
  readonly nodes: readonly OnnxNode[]
  readonly inputs: readonly HostArray[]
  readonly restore?: (output: HostArray) => HostArray
  readonly note?: string
}

const names = ['a', 'b', 'c', 'd', 'e'] as const
const onnxTypes: Readonly<Record<PeerCase['dtype'], OnnxType>> = { f32: 'float32', f16: 'float16' }

export function onnxCase(problem: PeerCase): OnnxCase | Unsupported {
  if (problem.direction === 'backward') return { unsupported: 'inference only' }
  return caseOf(plans[problem.kind](problem.inputs, problem), problem)
}

/** Attention as two products and a softmax, with q and v as `[B, H, T, hd]` and k as `[B, H, hd, T]`. */
export function composedAttention(problem: PeerCase): OnnxCase {
  const { scale, causal } = attentionOptions(problem)
  const [q, k, v] = problem.inputs
  const factor = { data: Float32Array.of(scale), shape: [1] }
  const masked: OnnxNode = { op: 'Add', inputs: ['scaled', 'e'], output: 'scores' }
  const plan: Plan = {
    inputs: [
      permute(q!, headsOutside),
      permute(k!, [0, 2, 3, 1]),
      permute(v!, headsOutside),
      factor,
      ...(causal ? [causalMask(problem)] : []),
    ],
    nodes: [
      { op: 'MatMul', inputs: ['a', 'b'], output: 'products' },
      { op: 'Mul', inputs: ['products', 'd'], output: 'scaled' },
      ...(causal ? [masked] : []),
      { op: 'Softmax', inputs: [causal ? 'scores' : 'scaled'], output: 'weights', attributes: { axis: { int: 3 } } },
      { op: 'MatMul', inputs: ['weights', 'c'], output: 'y' },
    ],
    restore: (output) => permute(output, headsOutside),
  }
  return caseOf(plan, problem)
}

function caseOf({ nodes, inputs, restore = (output) => output, note = '' }: Plan, problem: PeerCase): OnnxCase {
  const type = onnxTypes[problem.dtype]
  return {
    graph: {
      inputs: inputs.map(({ shape }, i) => ({ name: names[i]!, type, shape })),
      nodes,
      output: { name: 'y', type },
    },
    inputs,
    restore,
    note,
  }
}

const plans: Readonly<Record<PeerCase['kind'], (inputs: Inputs, problem: PeerCase) => Plan>> = {
  matmul(inputs, problem) {
    const { a, b } = transposes(problem)
    if (!a && !b) return { inputs, nodes: [{ op: 'MatMul', inputs: ['a', 'b'], output: 'y' }] }
    if (inputs.every(({ shape }) => shape.length === 2)) {
      const attributes = { transA: { int: Number(a) }, transB: { int: Number(b) } }
      return { inputs, nodes: [{ op: 'Gemm', inputs: ['a', 'b'], output: 'y', attributes }] }
    }
    return {
      inputs,
      nodes: [
        ...(a ? [lastAxesSwapped('a', inputs[0]!.shape.length)] : []),
        ...(b ? [lastAxesSwapped('b', inputs[1]!.shape.length)] : []),
        { op: 'MatMul', inputs: [a ? 'aSwapped' : 'a', b ? 'bSwapped' : 'b'], output: 'y' },
      ],
      note: 'transposes of its own, where it does not fuse them',
    }
  },
  linear(inputs) {
    const [x, ...rest] = inputs
    const rows = { ...x!, shape: [sizeOf(x!.shape.slice(0, -1)), x!.shape.at(-1)!] }
    const attributes = { transB: { int: 1 } }
    const outputShape = [...x!.shape.slice(0, -1), rest[0]!.shape[0]!]
    return {
      inputs: [rows, ...rest],
      nodes: [{ op: 'Gemm', inputs: names.slice(0, inputs.length), output: 'y', attributes }],
      restore: ({ data }) => ({ data, shape: outputShape }),
    }
  },
  conv3d([x, weight, ...bias], problem) {
    const { stride, before, after, dilation, groups } = convolutionGeometry(problem)
    const attributes = {
      strides: { ints: stride },
      pads: { ints: [...before, ...after] },
      dilations: { ints: dilation },
      group: { int: groups },
    }
    const inputs = [permute(x!, channelsFirst), permute(weight!, channelsFirst), ...bias]
    return {
      inputs,
      nodes: [{ op: 'Conv', inputs: names.slice(0, inputs.length), output: 'y', attributes }],
      restore: (output) => permute(output, channelsLast),
      note: 'data channels-first, as ONNX has it',
    }
  },
  attention(inputs, problem) {
    const [batch, queries, heads, headSize] = inputs[0]!.shape as [number, number, number, number]
    const { scale, causal } = attentionOptions(problem)
    const attributes = {
      num_heads: { int: heads },
      scale: { float: scale },
      unidirectional: { int: Number(causal) },
    }
    return {
      inputs: inputs.map(({ data, shape }) => ({ data, shape: [shape[0]!, shape[1]!, shape[2]! * shape[3]!] })),
      nodes: [{ op: 'MultiHeadAttention', domain: 'com.microsoft', inputs: ['a', 'b', 'c'], output: 'y', attributes }],
      restore: ({ data }) => ({ data, shape: [batch, queries, heads, headSize] }),
    }
  },
  layerNorm(_, problem) {
    const { x, weight, bias, epsilon } = rowNorm(problem)
    const attributes = { axis: { int: 1 }, epsilon: { float: epsilon } }
    // The operator's weight is no option.
    const scale = weight ?? { data: new Float32Array(x.shape[1]!).fill(1), shape: [x.shape[1]!] }
    const inputs = [x, scale, ...(bias ? [bias] : [])]
    return {
      inputs,
      nodes: [{ op: 'LayerNormalization', inputs: names.slice(0, inputs.length), output: 'y', attributes }],
    }
  },
  softmax(inputs, problem) {
    const attributes = { axis: { int: softmaxAxis(problem) } }
    return { inputs, nodes: [{ op: 'Softmax', inputs: ['a'], output: 'y', attributes }] }
  },
  gelu: (inputs) => ({ inputs, nodes: [{ op: 'Gelu', domain: 'com.microsoft', inputs: ['a'], output: 'y' }] }),
}

function lastAxesSwapped(name: 'a' | 'b', rank: number): OnnxNode {
  const axes = Array.from({ length: rank }, (_, axis) => axis)
  const perm = [...axes.slice(0, -2), rank - 1, rank - 2]
  return { op: 'Transpose', inputs: [name], output: `${name}Swapped`, attributes: { perm: { ints: perm } } }
}
