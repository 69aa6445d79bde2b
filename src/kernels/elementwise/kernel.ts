/** The two kernels that run every function of the elementwise table. */
import { bytesPerElement, type DType } from '../../engine/dtype.js'
import { LimitError } from '../../engine/errors.js'
import { type DispatchRequest, defineKernel } from '../../engine/kernel.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import { type Shape, sizeOf } from '../../engine/shape.js'
import type { Tensor } from '../../engine/tensor.js'
import { elementWindows } from '../../engine/window.js'
import flatWgsl from './flat.wgsl'
import mathWgsl from './math.wgsl'
import stridedWgsl from './strided.wgsl'

/** A scalar function as WGSL: `expression` over the argument names and option names. */
export interface ElementwiseFunction {
  /** Shown in messages and profiles. */
  readonly name: string
  readonly arguments: readonly string[]
  readonly expression: string
  /** At most three numbers, f32 in the shader. */
  readonly options: readonly string[]
}

export interface ElementwiseCall {
  readonly fn: ElementwiseFunction
  /** Values of the function's options, in their order. */
  readonly options: readonly number[]
  readonly inputs: readonly Tensor[]
  readonly output: Tensor
}

interface ElementwiseProblem {
  readonly fn: ElementwiseFunction
  readonly options: readonly number[]
  readonly inputs: readonly ElementwiseInput[]
  readonly output: DType
  /** Elements of this window, and those in front of it. */
  readonly count: number
  readonly first: number
  readonly layout: StridedLayout | undefined
}

/**
 * How the flat kernel finds an input's vector for output vector `v`: at `v` itself; always element 0; a row of `own`
 * elements over and over; or element `(4 v / inner) % own` four times. `any` needs the strided kernel.
 */
type Access = 'full' | 'single' | 'row' | 'column' | 'any'

interface ElementwiseInput {
  readonly dtype: DType
  readonly access: Access
  readonly own: number
  readonly inner: number
}

interface StridedLayout {
  /** Last axis first. */
  readonly extents: readonly number[]
  readonly strides: readonly (readonly number[])[]
}

const maxRank = 8

export const elementwiseKernel = defineKernel<ElementwiseProblem>({
  name: 'elementwise',
  variants: [
    {
      name: 'flat',
      wgsl: flatWgsl,
      supports: (_, { layout }) => layout === undefined,
      key: problemKey,
      specialize: (problem) => ({ types: halfTypes(problem), code: flatCode(problem) }),
      parameters: (writer, { count, first, options, inputs }) => {
        writeOptions(writer.u32(Math.ceil(count / 4)), options)
        writer
          .u32(first / 4)
          .vectors(
            inputs.map(({ own }) => own),
            4,
            1,
          )
          .vectors(
            inputs.map(({ inner }) => inner),
            4,
            1,
          )
      },
      workgroups: ({ count }) => Math.ceil(count / 1024),
    },
    {
      name: 'strided',
      wgsl: stridedWgsl,
      supports: (_, { layout }) => layout !== undefined,
      key: (problem) => `${problemKey(problem)}|${problem.layout!.extents.length}`,
      specialize: (problem) => ({
        types: halfTypes(problem),
        constants: { RANK: problem.layout!.extents.length, INPUTS: problem.inputs.length },
        code: stridedCode(problem),
      }),
      parameters: (writer, { count, options, layout }) => {
        writeOptions(writer.u32(count), options).vectors(layout!.extents, maxRank, 1)
        for (const strides of layout!.strides) writer.vectors(strides, maxRank)
      },
      workgroups: ({ count }) => Math.ceil(count / 256),
    },
  ],
})

/** Records a function over broadcast inputs; `run` is the context's. */
export function runElementwise(
  call: ElementwiseCall,
  run: (request: DispatchRequest<ElementwiseProblem>) => void,
): void {
  const { fn, options, inputs, output } = call
  const accesses = inputs.map((input) => accessOf(input, output.shape))
  const strided = accesses.some(({ access }) => access === 'any')
  const problem = { fn, options, inputs: accesses, output: output.dtype }
  if (strided) {
    const shapes = inputs.map(({ shape }) => shape)
    const layout = mergeAxes(fn.name, output.shape, shapes)
    run({
      kernel: elementwiseKernel,
      problem: { ...problem, count: output.size, first: 0, layout },
      inputs,
      outputs: [output],
    })
    return
  }
  const widest = Math.max(...[...inputs, output].map(({ dtype }) => bytesPerElement(dtype)))
  for (const window of elementWindows(output.size, widest, output.device.capabilities.maxBindingBytes)) {
    run({
      kernel: elementwiseKernel,
      problem: { ...problem, count: window.count, first: window.start, layout: undefined },
      inputs: inputs.map((input, i) => (accesses[i]!.access === 'full' ? window.of(input) : input)),
      outputs: [window.of(output)],
    })
  }
}

function accessOf({ dtype, shape, size }: Tensor, output: Shape): ElementwiseInput {
  const input = (access: Access, own = 1, inner = 1): ElementwiseInput => ({ dtype, access, own, inner })
  if (size === sizeOf(output)) return input('full')
  if (size === 1) return input('single')
  const lead = output.length - shape.length
  const first = shape.findIndex((extent) => extent !== 1)
  const last = shape.findLastIndex((extent) => extent !== 1)
  for (let axis = first; axis <= last; axis++) if (shape[axis] !== output[axis + lead]) return input('any')
  const inner = sizeOf(output.slice(last + 1 + lead))
  if (inner === 1 && size % 4 === 0) return input('row', size / 4)
  return inner % 4 === 0 ? input('column', size, inner / 4) : input('any')
}

/** Merges neighbouring axes over which every input either steps contiguously or not at all. */
export function mergeAxes(name: string, output: Shape, inputs: readonly Shape[]): StridedLayout {
  const extents: number[] = []
  const strides: number[][] = inputs.map(() => [])
  const running = inputs.map(() => 1)
  for (let back = 1; back <= output.length; back++) {
    const extent = output[output.length - back]!
    if (extent === 1) continue
    const step = inputs.map((shape, k) => {
      const own = shape[shape.length - back] ?? 1
      const stride = own === 1 ? 0 : running[k]!
      running[k]! *= own
      return stride
    })
    const last = extents.length - 1
    const continues = last >= 0 && step.every((stride, k) => stride === strides[k]![last]! * extents[last]!)
    if (continues) extents[last]! *= extent
    else {
      extents.push(extent)
      for (const [k, stride] of step.entries()) strides[k]!.push(stride)
    }
  }
  if (extents.length > maxRank) throw new LimitError(`${name}: broadcasting takes up to ${maxRank} distinct axes`)
  return { extents, strides }
}

function problemKey({ fn, inputs, output }: ElementwiseProblem): string {
  let key = `|${fn.name}|${fn.expression}|${output}`
  for (const { dtype, access } of inputs) key += `|${dtype} ${access}`
  return key
}

/** Brings `enable f16;` into the header when any tensor needs it. */
function halfTypes({ inputs, output }: ElementwiseProblem): Record<string, string> {
  const usesHalf = output === 'f16' || inputs.some(({ dtype }) => dtype === 'f16')
  return { Output: output, ...(usesHalf ? { Half: 'f16' } : {}) }
}

function writeOptions(writer: ParameterWriter, options: readonly number[]): ParameterWriter {
  writer.u32(0).u32(0).u32(0)
  for (let i = 0; i < 3; i++) writer.f32(options[i] ?? 0)
  return writer
}

/** Half floats are computed in f32; integers as they are. */
const valueType = (dtype: DType): DType => (dtype === 'f16' ? 'f32' : dtype)

function computeFunction({ fn, inputs }: ElementwiseProblem): string {
  const parameters = inputs.map(({ dtype }, k) => `${fn.arguments[k]}: ${valueType(dtype)}`)
  const options = fn.options.map((name, i) => `  let ${name} = params.options.${'xyz'[i]};`)
  return [
    fn.expression.match(/[a-z][A-Za-z]*\(/) ? mathWgsl : '',
    `fn compute(${parameters.join(', ')}) -> Output {`,
    ...options,
    `  return Output(${fn.expression});`,
    '}',
  ].join('\n')
}

function bindings(inputs: readonly string[], output: string): string[] {
  return [
    ...inputs.map((type, k) => `@group(0) @binding(${k}) var<storage, read> input${k}: array<${type}>;`),
    `@group(0) @binding(${inputs.length}) var<storage, read_write> output: array<${output}>;`,
  ]
}

/** The vector of input `k` for output vector `i`, as WGSL. */
function vectorOf({ dtype, access }: ElementwiseInput, k: number): string {
  const type = `vec4<${valueType(dtype)}>`
  const splat = (index: string) => `${type}(${valueType(dtype)}(input${k}[${index}]))`
  switch (access) {
    case 'single':
      return splat('0')
    case 'row':
      return `${type}(input${k}[(i + params.first) % params.own[${k}]])`
    case 'column':
      return splat(`((i + params.first) / params.inner[${k}]) % params.own[${k}]`)
    default:
      return `${type}(input${k}[i])`
  }
}

function flatCode(problem: ElementwiseProblem): string {
  const { inputs, output } = problem
  const types = inputs.map(({ dtype, access }) => (access === 'full' || access === 'row' ? `vec4<${dtype}>` : dtype))
  const lanes = [...'xyzw'].map((lane) => `compute(${inputs.map((_, k) => `v${k}.${lane}`).join(', ')})`)
  return [
    ...bindings(types, `vec4<${output}>`),
    computeFunction(problem),
    `fn computeVector(i: u32) -> vec4<${output}> {`,
    ...inputs.map((input, k) => `  let v${k} = ${vectorOf(input, k)};`),
    `  return vec4<${output}>(${lanes.join(', ')});`,
    '}',
  ].join('\n')
}

function stridedCode(problem: ElementwiseProblem): string {
  const { inputs, output } = problem
  const loads = inputs.map(({ dtype }, k) => `${valueType(dtype)}(input${k}[offsets[${k}]])`)
  return [
    ...bindings(
      inputs.map(({ dtype }) => dtype),
      output,
    ),
    computeFunction(problem),
    `fn computeAt(offsets: vec4<u32>) -> ${output} {`,
    `  return compute(${loads.join(', ')});`,
    '}',
  ].join('\n')
}
