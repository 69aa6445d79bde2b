/** Tensors of random numbers. */
import type { Device } from '../../engine/device.js'
import { dispatch } from '../../engine/dispatch.js'
import { bytesPerElement, checkDType, type DType } from '../../engine/dtype.js'
import { NotSupportedError, ValueError } from '../../engine/errors.js'
import { defineKernel } from '../../engine/kernel.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import type { Draw, Generator } from '../../engine/random.js'
import type { Shape } from '../../engine/shape.js'
import { empty, type Tensor } from '../../engine/tensor.js'
import { elementWindows } from '../../engine/window.js'
import { erf } from '../../numeric/special.js'
import distributionsWgsl from './distributions.wgsl'
import fillWgsl from './fill.wgsl'
import philoxWgsl from './philox.wgsl'

/** WGSL that makes four numbers of four words; `params.shape` and `params.scale` hold the distribution's parameters. */
const samplers = {
  words: 'return words;',
  uniform:
    'return min(params.shape.x + vec4<f32>(words >> vec4<u32>(8u)) * params.shape.y, vec4<f32>(params.shape.z));',
  normal: 'return params.scale.x + params.scale.y * vec4<f32>(normalPair(words.xy), normalPair(words.zw));',
  truncatedNormal: [
    'let p = clamp(params.shape.x + params.shape.y * symmetric(words), vec4<f32>(-0.99999994), vec4<f32>(0.99999994));',
    'let z = 1.4142135624 * vec4<f32>(inverseErf(p.x), inverseErf(p.y), inverseErf(p.z), inverseErf(p.w));',
    'return params.scale.x + params.scale.y * clamp(z, vec4<f32>(params.shape.z), vec4<f32>(params.shape.w));',
  ].join('\n'),
  bernoulli:
    'return select(vec4<u32>(0u), vec4<u32>(1u), vec4<f32>(words >> vec4<u32>(8u)) < vec4<f32>(params.shape.x));',
} as const

type Distribution = keyof typeof samplers

const integerValued = (distribution: Distribution): boolean => distribution === 'words' || distribution === 'bernoulli'

/** A distribution with its parameters: at most four of its shape, and two of place and width. */
interface Law {
  readonly distribution: Distribution
  readonly shape?: readonly number[]
  readonly scale?: readonly [number, number]
}

interface FillProblem extends Law {
  readonly dtype: DType
  readonly draw: Draw
  /** First element of the window, and elements in it. */
  readonly start: number
  readonly count: number
}

/** Writes the draw and the window of a kernel that makes four elements per invocation. */
export const writeDraw = (
  writer: ParameterWriter,
  { seed, index }: Draw,
  start: number,
  count: number,
): ParameterWriter =>
  writer
    .u32(seed)
    .u32(index)
    .u32(start / 4)
    .u32(Math.ceil(count / 4))

const fillKernel = defineKernel<FillProblem>({
  name: 'random',
  variants: [
    {
      name: 'portable',
      wgsl: fillWgsl,
      specialize: ({ distribution, dtype }) => ({
        types: { Element: dtype },
        code: [
          philoxWgsl,
          distributionsWgsl,
          `fn sample(words: vec4<u32>) -> vec4<${integerValued(distribution) ? 'u32' : 'f32'}> {`,
          samplers[distribution],
          '}',
        ].join('\n'),
      }),
      key: ({ distribution, dtype }) => `|${distribution}|${dtype}`,
      parameters(writer, { draw, start, count, shape = [], scale = [] }) {
        writeDraw(writer, draw, start, count)
        for (let i = 0; i < 4; i++) writer.f32(shape[i] ?? 0)
        for (let i = 0; i < 4; i++) writer.f32(scale[i] ?? 0)
      },
      workgroups: ({ count }) => Math.ceil(count / 1024),
    },
  ],
})

function fill(device: Device, shape: Shape, dtype: DType, generator: Generator, law: Law): Tensor {
  const numbers = empty(device, shape, dtype)
  device.recorder.enter(law.distribution, [numbers])
  const draw = generator.draw()
  const { maxBindingBytes } = device.capabilities
  for (const { start, count, of } of elementWindows(numbers.size, bytesPerElement(dtype), maxBindingBytes)) {
    dispatch(device, {
      kernel: fillKernel,
      problem: { ...law, dtype, draw, start, count },
      inputs: [],
      outputs: [of(numbers)],
    })
  }
  return numbers
}

export interface RandomOptions {
  /** Where the numbers come from: each tensor is one draw. */
  readonly generator: Generator
  /** Default f32; f16 rounds. */
  readonly dtype?: DType | undefined
}

/** Random 32-bit words: the stream itself, as u32. */
export function randomWords(device: Device, shape: Shape, { generator }: Pick<RandomOptions, 'generator'>): Tensor {
  return fill(device, shape, 'u32', generator, { distribution: 'words' })
}

export interface UniformOptions extends RandomOptions {
  /** Default 0. */
  readonly low?: number | undefined
  /** Default 1. */
  readonly high?: number | undefined
}

/** Uniform numbers in `[low, high)` in steps of 2^-24 of the range. */
export function randomUniform(device: Device, shape: Shape, options: UniformOptions): Tensor {
  const { generator, low = 0, high = 1, dtype = 'f32' } = options
  checkDType('randomUniform', ['f32', 'f16'], { dtype })
  if (!(Number.isFinite(low) && Number.isFinite(high) && low <= high)) {
    throw new ValueError(`randomUniform: the bounds ${low} and ${high} must be finite and in order`)
  }
  const law: Law = { distribution: 'uniform', shape: [low, (high - low) / 2 ** 24, floatBelow(high)] }
  return fill(device, shape, dtype, generator, low === high ? { ...law, shape: [low, 0, low] } : law)
}

/** The largest float32 below a number: what keeps rounding from reaching an open bound. */
function floatBelow(value: number): number {
  const rounded = Math.fround(value)
  if (rounded < value) return rounded
  if (rounded === 0) return -(2 ** -126)
  const bits = new Int32Array(Float32Array.of(rounded).buffer)
  bits[0]! += rounded > 0 ? -1 : 1
  return new Float32Array(bits.buffer)[0]!
}

export interface NormalOptions extends RandomOptions {
  /** Default 0. */
  readonly mean?: number | undefined
  /** Default 1. */
  readonly std?: number | undefined
}

/** Normal numbers by Box and Muller; magnitudes reach 5.8 standard deviations. */
export function randomNormal(device: Device, shape: Shape, options: NormalOptions): Tensor {
  const { generator, mean = 0, std = 1, dtype = 'f32' } = options
  checkDType('randomNormal', ['f32', 'f16'], { dtype })
  return fill(device, shape, dtype, generator, { distribution: 'normal', scale: [mean, checkStd('randomNormal', std)] })
}

export interface TruncatedNormalOptions extends NormalOptions {
  /** Bounds in standard deviations from the mean; default -2 and 2. */
  readonly low?: number | undefined
  readonly high?: number | undefined
}

/**
 * Normal numbers within bounds, by the inverse of the distribution function (as PyTorch's `trunc_normal_`).
 *
 * @throws NotSupportedError for bounds so far out that float32 cannot resolve the numbers between them.
 */
export function truncatedNormal(device: Device, shape: Shape, options: TruncatedNormalOptions): Tensor {
  const { generator, mean = 0, std = 1, low = -2, high = 2, dtype = 'f32' } = options
  checkDType('truncatedNormal', ['f32', 'f16'], { dtype })
  if (!(low < high)) throw new ValueError(`truncatedNormal: the bounds ${low} and ${high} must be in order`)
  const [from, to] = [erf(low / Math.SQRT2), erf(high / Math.SQRT2)]
  if (to - from < 1e-4) {
    throw new NotSupportedError(`truncatedNormal: less than 5e-5 of a normal distribution lies in ${low} to ${high}`)
  }
  return fill(device, shape, dtype, generator, {
    distribution: 'truncatedNormal',
    shape: [(from + to) / 2, (to - from) / 2, low, high],
    scale: [mean, checkStd('truncatedNormal', std)],
  })
}

function checkStd(op: string, std: number): number {
  if (Number.isFinite(std) && std >= 0) return std
  throw new ValueError(`${op}: the standard deviation must be finite and not negative, got ${std}`)
}

export interface BernoulliOptions {
  readonly generator: Generator
  /** Probability of 1, in steps of 2^-24. */
  readonly p: number
  /** Default u32, the type of flags. */
  readonly dtype?: DType | undefined
}

/** 1 with probability `p`, else 0. */
export function bernoulli(device: Device, shape: Shape, { generator, p, dtype = 'u32' }: BernoulliOptions): Tensor {
  const threshold = probabilityThreshold('bernoulli', p)
  return fill(device, shape, dtype, generator, { distribution: 'bernoulli', shape: [threshold] })
}

/** What the top 24 bits of a word stay below with probability `p`. */
export function probabilityThreshold(op: string, p: number): number {
  if (p >= 0 && p <= 1) return Math.round(p * 2 ** 24)
  throw new ValueError(`${op}: the probability must be from 0 to 1, got ${p}`)
}
