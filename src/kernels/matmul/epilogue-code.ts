/** WGSL of what becomes of a sum of products before it is stored. */
import type { DType } from '../../engine/dtype.js'
import { type Activation, activationCode } from '../elementwise/activation.js'
import columnsRaggedWgsl from './columns-ragged.wgsl'
import columnsWholeWgsl from './columns-whole.wgsl'
import writeRaggedWgsl from './write-ragged.wgsl'
import writeWholeWgsl from './write-whole.wgsl'

/** What an epilogue may read: `bias` and `scale` are `[n]`, the others have the shape of the result. */
export type EpilogueOperand = 'bias' | 'multiply' | 'scale' | 'residual'

/** `residual + factor * scale * multiply * activation(sum + bias)`, without what is absent. */
export interface StoredEpilogue {
  /** In the order of the dispatch's inputs. */
  readonly operands: readonly { readonly name: EpilogueOperand; readonly dtype: DType }[]
  readonly activation: Activation | undefined
  readonly factor: number
  /** Whether `sum + bias` is a second output, for the gradient. */
  readonly keepsSum: boolean
}

/** What {@link epilogueCode} puts together. */
export const epilogueSources: readonly string[] = [columnsRaggedWgsl, columnsWholeWgsl, writeRaggedWgsl, writeWholeWgsl]

/** Names the WGSL of an epilogue. */
export function epilogueKey({ operands, activation, factor, keepsSum }: StoredEpilogue): string {
  const parts = operands.map(({ name, dtype }) => `${name} ${dtype}`)
  if (activation) parts.push(`${activation.name} ${activation.slope}`)
  if (factor !== 1) parts.push('factor')
  if (keepsSum) parts.push('sums')
  return parts.join(' ')
}

/** `fn epilogue(row: u32, j: u32, value: vec4f) -> vec4f`, and a writer for every output. */
export function epilogueCode({ operands, activation, factor, keepsSum }: StoredEpilogue, isWhole: boolean): string {
  const columns = isWhole ? columnsWholeWgsl : columnsRaggedWgsl
  const write = isWhole ? writeWholeWgsl : writeRaggedWgsl
  const has = (operand: EpilogueOperand) => operands.some(({ name }) => name === operand)
  const factors = [
    ...(factor === 1 ? [] : ['params.factor']),
    ...(has('scale') ? ['scaleAt(0u, j)'] : []),
    ...(has('multiply') ? ['multiplyAt(row, j)'] : []),
  ]
  const active = ['x', 'y', 'z', 'w'].map((component) => `activate(sum.${component})`).join(', ')
  return [
    ...(activation ? [activationCode(activation)] : []),
    ...operands.map(({ name }) => columns.replaceAll('tensor', name)),
    ...['y', ...(keepsSum ? ['sums'] : [])].map((name) => write.replaceAll('tensor', name)),
    'fn epilogue(row: u32, j: u32, value: vec4f) -> vec4f {',
    `  let sum = value${has('bias') ? ' + biasAt(0u, j)' : ''};`,
    ...(keepsSum ? ['  sumsWrite(row, j, sum);'] : []),
    `  let result = ${[activation ? `vec4f(${active})` : 'sum', ...factors].join(' * ')};`,
    `  return result${has('residual') ? ' + residualAt(row, j)' : ''};`,
    '}',
  ].join('\n')
}
