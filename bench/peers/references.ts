/** The mathematics of every kind of case in float64, one number at a time: for checking peers, not for speed. */

import type { PeerCase } from '../peer.js'
import { type HostArray, headsOutside, permute, sizeOf } from './layouts.js'
import { attentionOptions, convolutionGeometry, rowNorm, softmaxAxis, type Triple, transposes } from './options.js'

type Reference = (inputs: PeerCase['inputs'], problem: PeerCase) => number[]

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const sum = (count: number, term: (i: number) => number): number =>
  range(count).reduce((total, i) => total + term(i), 0)

/** The output of a forward case, number by number. */
export function reference(problem: PeerCase): number[] {
  return references[problem.kind](problem.inputs, problem)
}

/** The shape of that output. */
export function outputShape(problem: PeerCase): number[] {
  const [first, second] = problem.inputs as readonly HostArray[] as [HostArray, HostArray]
  if (problem.kind === 'linear') return [...first.shape.slice(0, -1), second.shape[0]!]
  if (problem.kind === 'conv3d') return [first.shape[0]!, ...outputSize(problem), second.shape[0]!]
  if (problem.kind !== 'matmul') return [...first.shape]
  const swap = transposes(problem)
  return [...first.shape.slice(0, -2), first.shape.at(swap.a ? -1 : -2)!, second.shape.at(swap.b ? -2 : -1)!]
}

function outputSize(problem: PeerCase): Triple {
  const { stride, before, after, dilation } = convolutionGeometry(problem)
  const [x, weight] = problem.inputs as readonly HostArray[] as [HostArray, HostArray]
  return stride.map((step, axis) => {
    const reach = dilation[axis]! * (weight.shape[axis + 1]! - 1)
    return Math.floor((x.shape[axis + 1]! + before[axis]! + after[axis]! - reach - 1) / step) + 1
  }) as unknown as Triple
}

/**
 * The gradient of the first input at some places, from central differences, for a case whose last input is the
 * gradient of the output. The step is one that float32 inputs can take without rounding.
 */
export function gradientAt(problem: PeerCase, places: readonly number[]): number[] {
  const step = 2 ** -8
  const [x, ...rest] = problem.inputs.slice(0, -1)
  const gradient = problem.inputs.at(-1)!.data
  const loss = (data: Float32Array) => {
    const output = reference({ ...problem, inputs: [{ shape: x!.shape, data }, ...rest] })
    return sum(output.length, (i) => output[i]! * gradient[i]!)
  }
  return places.map((place) => {
    const [below, above] = [x!.data.slice(), x!.data.slice()]
    below[place]! -= step
    above[place]! += step
    return (loss(above) - loss(below)) / (2 * step)
  })
}

const references: Readonly<Record<PeerCase['kind'], Reference>> = {
  matmul([a, b], problem) {
    const swap = transposes(problem)
    const left = asMatrices(a!, swap.a)
    const right = asMatrices(b!, swap.b)
    const batch = Math.max(left.count, right.count)
    const { rows, columns: inner } = left
    return range(batch).flatMap((n) =>
      range(rows * right.columns).map((at) => {
        const [row, column] = [Math.floor(at / right.columns), at % right.columns]
        return sum(inner, (k) => left.at(n, row, k) * right.at(n, k, column))
      }),
    )
  },
  linear([x, weight, bias]) {
    const [outputs, features] = weight!.shape as [number, number]
    return range((x!.data.length / features) * outputs).map((at) => {
      const [row, output] = [Math.floor(at / outputs), at % outputs]
      const product = sum(features, (k) => x!.data[row * features + k]! * weight!.data[output * features + k]!)
      return product + (bias?.data[output] ?? 0)
    })
  },
  conv3d: convolution,
  attention(inputs, problem) {
    const { scale, causal } = attentionOptions(problem)
    const [q, k, v] = inputs.map((input) => permute(input, headsOutside)) as [HostArray, HostArray, HostArray]
    const [batch, heads, queries, size] = q.shape as [number, number, number, number]
    const keys = k.shape[2]!
    const data = range(batch * heads * queries).flatMap((row) => {
      const head = Math.floor(row / queries)
      const seen = causal ? (row % queries) + 1 : keys
      const dot = (key: number) => sum(size, (c) => q.data[row * size + c]! * k.data[(head * keys + key) * size + c]!)
      const weights = softmaxOf(range(seen).map((key) => scale * dot(key)))
      return range(size).map((c) => sum(seen, (key) => weights[key]! * v.data[(head * keys + key) * size + c]!))
    })
    return [...permute({ data: Float32Array.from(data), shape: q.shape }, headsOutside).data]
  },
  layerNorm(_, problem) {
    const { x, weight, bias, epsilon } = rowNorm(problem)
    const [rows, features] = x.shape as [number, number]
    return range(rows).flatMap((row) => {
      const values = [...x.data.subarray(row * features, (row + 1) * features)]
      const mean = sum(features, (i) => values[i]!) / features
      const variance = sum(features, (i) => (values[i]! - mean) ** 2) / features
      const normal = values.map((value) => (value - mean) / Math.sqrt(variance + epsilon))
      return normal.map((value, i) => value * (weight?.data[i] ?? 1) + (bias?.data[i] ?? 0))
    })
  },
  softmax([x], problem) {
    const axis = softmaxAxis(problem)
    const inner = sizeOf(x!.shape.slice(axis + 1))
    const count = x!.shape[axis]!
    const out = new Array<number>(x!.data.length)
    for (let line = 0; line < out.length / count; line++) {
      const start = Math.floor(line / inner) * inner * count + (line % inner)
      const weights = softmaxOf(range(count).map((i) => x!.data[start + i * inner]!))
      for (const [i, weight] of weights.entries()) out[start + i * inner] = weight
    }
    return out
  },
  gelu: ([x]) => [...x!.data].map((value) => (value / 2) * (1 + erf(value * Math.SQRT1_2))),
}

/** The last two axes as matrices, transposed if they are stored so; one matrix serves any number. */
function asMatrices({ data, shape }: HostArray, transposed: boolean) {
  const [height, width] = shape.slice(-2) as [number, number]
  const count = data.length / (height * width)
  return {
    count,
    rows: transposed ? width : height,
    columns: transposed ? height : width,
    at(n: number, row: number, column: number): number {
      const start = (n % count) * height * width
      return data[start + (transposed ? column * width + row : row * width + column)]!
    },
  }
}

function softmaxOf(values: readonly number[]): number[] {
  const largest = Math.max(...values)
  const powers = values.map((value) => Math.exp(value - largest))
  const total = powers.reduce((a, b) => a + b)
  return powers.map((power) => power / total)
}

function convolution([x, weight, bias]: PeerCase['inputs'], problem: PeerCase): number[] {
  const { stride, before, dilation, groups } = convolutionGeometry(problem)
  const [batch, ...sides] = x!.shape as [number, number, number, number, number]
  const size = sides.slice(0, 3) as unknown as Triple
  const channels = sides[3]!
  const [outputs, ...kernelSides] = weight!.shape as [number, number, number, number, number]
  const kernel = kernelSides.slice(0, 3) as unknown as Triple
  const inner = kernelSides[3]!
  const places = (extents: Triple) =>
    range(extents[0]).flatMap((d) => range(extents[1]).flatMap((h) => range(extents[2]).map((w): Triple => [d, h, w])))
  return range(batch).flatMap((n) =>
    places(outputSize(problem)).flatMap((place) =>
      range(outputs).map((output) => {
        const firstChannel = Math.floor(output / (outputs / groups)) * inner
        let total = bias?.data[output] ?? 0
        for (const [tapIndex, tap] of places(kernel).entries()) {
          const at = place.map((p, axis) => p * stride[axis]! + tap[axis]! * dilation[axis]! - before[axis]!)
          if (at.some((p, axis) => p < 0 || p >= size[axis]!)) continue
          const source = ((n * size[0] + at[0]!) * size[1] + at[1]!) * size[2] + at[2]!
          for (let c = 0; c < inner; c++) {
            const value = x!.data[source * channels + firstChannel + c]!
            total += value * weight!.data[(output * sizeOf(kernel) + tapIndex) * inner + c]!
          }
        }
        return total
      }),
    ),
  )
}

/** By its power series, which is exact to float64 for the arguments of a check, within 4. */
function erf(x: number): number {
  let term = x
  let total = x
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total) && n < 200; n++) {
    term *= (-x * x) / n
    total += term / (2 * n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * total
}
