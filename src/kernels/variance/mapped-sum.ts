/** Sums of functions of several tensors along axes, without ever storing the functions' values. */

import type { Tensor } from '../../engine/tensor.js'
import mathWgsl from '../elementwise/math.wgsl'
import { type Extents, type FoldFunction, type KernelContext, runFold } from './fold.js'

/** How an operand follows the elements `[outer, length, inner]` of a sum. */
export type Follow =
  /** One value per element. */
  | 'element'
  /** One per output: `[outer, inner]`. */
  | 'output'
  /** One per outer and summed position: `[outer, length]`. */
  | 'line'
  /** As many as `period`, over and over along the elements. */
  | 'period'

export interface Operand {
  /** Its name in the terms. */
  readonly name: string
  readonly tensor: Tensor
  /** Default `element`. */
  readonly follow?: Follow
}

export interface SumResult {
  readonly tensor: Tensor
  /** WGSL over the sums `s0`, `s1`, ... and the options `o0` ... `o3`; by default the sum of its own index. */
  readonly finish?: string
}

export interface MappedSum {
  /** Names terms and finishes: requests of one name and equal operand types run the same WGSL. */
  readonly name: string
  readonly operands: readonly Operand[]
  /**
   * What is summed, at most four: WGSL over the operands' names (f32, whatever their type), `inner` (the place along
   * the inner axes, u32), the options `o0` ... `o3` and the functions of `elementwise/math.wgsl`.
   */
  readonly terms: readonly string[]
  readonly results: readonly SumResult[]
  readonly runs: readonly Extents[]
  readonly period?: number
  readonly options?: readonly number[]
}

/** A call of a function of `math.wgsl`. */
const mathNames = new RegExp(`\\b(${[...mathWgsl.matchAll(/^fn (\w+)/gm)].map(([, name]) => name).join('|')})\\(`)

const components = ['x', 'y', 'z', 'w']
const stateTypes = ['f32', 'vec2<f32>', 'vec4<f32>', 'vec4<f32>'] as const

const merge = `
fn neutral() -> State { return State(); }
fn merge(a: State, b: State) -> State { return a + b; }
`

const indices: Record<Follow, string> = {
  element: 'place.index',
  output: 'place.outer * params.inner + place.inner',
  line: 'place.outer * params.length + place.position',
  period: 'place.index % params.period',
}

const options = [...components].map((component, i) => `  let o${i} = params.options.${component};`).join('\n')

/** Records the sums. Accumulation is f32. */
export function runMappedSum(context: KernelContext, request: MappedSum): void {
  const { operands, results, runs, period, options: values } = request
  runFold(context, {
    fn: foldFunction(request),
    inputs: operands.map(({ name, tensor }) => ({ name: `${name}Values`, tensor })),
    results: results.map(({ tensor }, i) => ({ name: `result${i}`, tensor })),
    runs,
    ...(period === undefined ? {} : { period }),
    ...(values === undefined ? {} : { options: values }),
  })
}

function foldFunction({ name, operands, terms, results }: MappedSum): FoldFunction {
  const state = stateTypes[terms.length - 1]!
  const padded = terms.length === 3 ? [...terms, '0.0'] : terms
  const sum = (i: number) => (state === 'f32' ? 'state' : `state.${components[i]}`)
  const follows = operands.map(({ follow }) => follow ?? 'element')
  return {
    name: `${name}|${follows.join()}`,
    state,
    merge,
    block: [
      terms.some((term) => mathNames.test(term)) ? mathWgsl : '',
      'fn termsAt(place: Place) -> State {',
      options,
      '  let inner = place.inner;',
      ...operands.map((operand, k) => `  let ${operand.name} = f32(${operand.name}Values[${indices[follows[k]!]}]);`),
      `  return State(${padded.join(', ')});`,
      '}',
      'fn foldBlock(first: Place, count: u32) -> State {',
      '  var place = first;',
      '  var state = termsAt(place);',
      '  for (var k = 1u; k < count; k++) {',
      '    place = advance(place);',
      '    state += termsAt(place);',
      '  }',
      '  return state;',
      '}',
    ].join('\n'),
    emit: [
      options,
      ...terms.map((_, i) => `  let s${i} = ${sum(i)};`),
      ...results.map(({ tensor, finish }, i) => `  result${i}[at] = ${tensor.dtype}(${finish ?? `s${i}`});`),
    ].join('\n'),
  }
}
