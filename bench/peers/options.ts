/** Reads a case's options, with their defaults. */

import type { PeerCase } from '../peer.js'
import { type HostArray, sizeOf } from './layouts.js'

export type Triple = readonly [number, number, number]

export interface ConvolutionGeometry {
  readonly stride: Triple
  readonly before: Triple
  readonly after: Triple
  readonly dilation: Triple
  readonly groups: number
}

/** A number stands for all three axes; padding is a triple for both sides, or one for each. */
export function convolutionGeometry({ options }: PeerCase): ConvolutionGeometry {
  const padding = options.padding ?? 0
  return {
    stride: triple(options.stride ?? 1),
    before: triple(options.paddingBefore ?? padding),
    after: triple(options.paddingAfter ?? padding),
    dilation: triple(options.dilation ?? 1),
    groups: number(options.groups, 1),
  }
}

function triple(value: unknown): Triple {
  if (typeof value === 'number') return [value, value, value]
  if (Array.isArray(value) && value.length === 3 && value.every((item) => typeof item === 'number')) {
    return value as unknown as Triple
  }
  throw new TypeError(`conv3d: ${JSON.stringify(value)} is neither a number nor three`)
}

const number = (value: unknown, fallback: number): number => (typeof value === 'number' ? value : fallback)

export const transposes = ({ options }: PeerCase): { a: boolean; b: boolean } => ({
  a: options.transposeA === true,
  b: options.transposeB === true,
})

/** The default is that of attention: one over the root of the head size. */
export function attentionOptions({ inputs, options }: PeerCase): { scale: number; causal: boolean } {
  const headSize = inputs[0]!.shape.at(-1)!
  return { scale: number(options.scale, 1 / Math.sqrt(headSize)), causal: options.causal === true }
}

export interface RowNorm {
  /** `[rows, features]` */
  readonly x: HostArray
  /** `[features]` */
  readonly weight: HostArray | undefined
  readonly bias: HostArray | undefined
  readonly epsilon: number
}

/** Whatever the trailing axes are that a layer norm takes together, to a peer they are one. */
export function rowNorm({ inputs: [x, ...affine], options }: PeerCase): RowNorm {
  const features = sizeOf(x!.shape.slice(-number(options.axes, 1)))
  const flat = (data: Float32Array): HostArray => ({ data, shape: [features] })
  const weight = options.weight === false ? undefined : affine.shift()
  const bias = options.bias === false ? undefined : affine.shift()
  return {
    x: { data: x!.data, shape: [x!.data.length / features, features] },
    weight: weight && flat(weight.data),
    bias: bias && flat(bias.data),
    epsilon: number(options.eps, 1e-5),
  }
}

/** What is added to attention's scores so that query `i` sees keys 0 to `i`: `[queries, keys]`. */
export function causalMask({ inputs }: PeerCase): HostArray {
  const [queries, keys] = [inputs[0]!.shape[1]!, inputs[1]!.shape[1]!]
  const hidden = (at: number) => at % keys > Math.floor(at / keys)
  // Finite, and within f16, whose exponential of it is 0 all the same.
  return {
    data: Float32Array.from({ length: queries * keys }, (_, at) => (hidden(at) ? -6e4 : 0)),
    shape: [queries, keys],
  }
}

/** The softmax's axis, counted from the front. */
export function softmaxAxis({ inputs, options }: PeerCase): number {
  const axis = number(options.axis, -1)
  return axis < 0 ? axis + inputs[0]!.shape.length : axis
}
