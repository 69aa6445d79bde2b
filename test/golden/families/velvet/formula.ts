/** Weights and inputs by formula (the golden data's README, "Fill rules"). */
import { sizeOf } from '../../../../src/engine/index.js'
import type { ParameterScope, WeightSource } from '../../../../src/models/index.js'
import type { Config } from './common.js'

/** u(j, k): a 32-bit hash scaled to (-0.5, 0.5). */
export function hashUnit(j: number, k: number): number {
  let x = Math.imul(j + 1, 0x9e3779b1) ^ Math.imul(k + 1, 0x85ebca77)
  x ^= x >>> 16
  x = Math.imul(x, 0x85ebca6b)
  x ^= x >>> 13
  x = Math.imul(x, 0xc2b2ae35)
  x ^= x >>> 16
  return ((x >>> 0) + 0.5) / 2 ** 32 - 0.5
}

function isNorm(name: string): boolean {
  return name.endsWith('.weight') && name.slice(0, -'.weight'.length).toLowerCase().includes('norm')
}

type Value = (j: number) => number

function sinRule({ a, b }: Config, name: string, k: number): Value {
  const s: Value = (j) => Math.sin(a * (j + 1) + b * (k + 1))
  if (isNorm(name)) return (j) => 1 + 0.1 * s(j)
  const factor = name.endsWith('bias') ? 0.05 : 0.1
  return (j) => factor * s(j)
}

function hashRule({ salt }: Config, name: string, k: number, shape: readonly number[]): Value {
  const z: Value = (j) => Math.sqrt(12) * hashUnit(j, k + salt)
  if (isNorm(name)) return (j) => 1 + 0.2 * z(j)
  if (name.endsWith('bias')) return (j) => 0.2 * z(j)
  if (name.endsWith('relative_position_bias_table')) return (j) => 0.6 * z(j)
  if (name.includes('embeddings')) return (j) => 0.7 * z(j)
  const spread = Math.sqrt(sizeOf(shape.slice(1)))
  return (j) => (1.2 * z(j)) / spread
}

/** Every parameter of a model by the case's rule. */
export function formulaWeights(parameters: ParameterScope, config: Config): WeightSource {
  // ASCII order, upper case first: the default order of strings.
  const names = [...parameters.parameters.keys()].sort()
  const shape = (name: string): readonly number[] => parameters.parameters.get(name)!.declaration.shape
  const rule = config.fill === 'sin' ? sinRule : hashRule
  return {
    path: 'formula',
    names,
    header: (name) => ({ shape: shape(name), dtype: 'F32' }),
    async readFloat32(name) {
      const value = rule(config, name, names.indexOf(name), shape(name))
      const values = new Float32Array(sizeOf(shape(name)))
      for (let j = 0; j < values.length; j++) values[j] = value(j)
      return values
    },
  }
}

/** First, second and last value of the first tensors. */
export async function weightCheck(source: WeightSource, count: number): Promise<number[]> {
  const parts = await Promise.all(source.names.slice(0, count).map((name) => source.readFloat32(name)))
  return parts.flatMap((values) => [values[0]!, values[1]!, values.at(-1)!])
}

/** An input of `n` values by a formula such as `u(n, 352) + 0.5` or `0.5 + 0.5*sin(0.013*(n+1))`. */
export function formulaInput(formula: string, size: number): Float32Array {
  const hash = /^u\(n, (\d+)\) \+ ([\d.]+)$/.exec(formula)
  const sine = /^([\d.]+) \+ ([\d.]+)\*sin\(([\d.]+)\*\(n\+1\)\)$/.exec(formula)
  if (!hash && !sine) throw new Error(`the input formula '${formula}' is unknown`)
  const [a, b, c] = (hash ?? sine)!.slice(1).map(Number) as [number, number, number]
  const value: Value = hash ? (n) => hashUnit(n, a) + b : (n) => a + b * Math.sin(c * (n + 1))
  return Float32Array.from({ length: size }, (_, n) => value(n))
}
