import { join } from 'node:path'
import { type Device, type DType, gradients, scope, sizeOf, Tensor, tensor } from '../../../../src/engine/index.js'
import { add, mul } from '../../../../src/kernels/elementwise/index.js'
import { permute } from '../../../../src/kernels/layout/index.js'
import { sum } from '../../../../src/kernels/reduce/index.js'
import type { ParameterScope, WeightSource } from '../../../../src/models/index.js'
import { checkNumbers, failure } from '../../checks.js'
import { type GoldenFile, readGolden } from '../../tensors.js'
import type { CheckResult, GoldenRow } from '../../types.js'

// biome-ignore lint/suspicious/noExplicitAny: golden configurations have no schema of their own
export type Config = any

/** A row of this family's manifest: `config`, `data` and `tolerance` in place of `params` and `tol`. */
interface VelvetRow extends GoldenRow {
  config: Config
  data?: Config
  tolerance: Record<string, 'exact' | { f32: number; scale: number }>
}

export type Result = Tensor | ArrayLike<number> | number

/** One case: its file, its configuration, and the comparisons made so far. */
export class VelvetCase {
  readonly config: Config
  readonly data: Config
  readonly dir: string
  readonly golden: GoldenFile
  readonly device: Device
  readonly checks: CheckResult[] = []
  readonly #compared = new Set<string>()
  readonly #tolerance: VelvetRow['tolerance']

  static async open(row: GoldenRow, dir: string, device: Device): Promise<VelvetCase> {
    return new VelvetCase(row as VelvetRow, dir, await readGolden(join(dir, row.file)), device)
  }

  private constructor(row: VelvetRow, dir: string, golden: GoldenFile, device: Device) {
    this.config = row.config
    this.data = row.data
    this.#tolerance = row.tolerance
    this.dir = dir
    this.golden = golden
    this.device = device
  }

  values(name: string): Float64Array {
    return this.golden.values(name)
  }

  shape(name: string): readonly number[] {
    return this.golden.entry(name).shape
  }

  /** A stored tensor as it is. */
  tensor(name: string, { dtype = 'f32', scale = 1 }: { dtype?: DType; scale?: number } = {}): Tensor {
    // Bytes are divided in float32, as the golden data's README asks.
    const values = scale === 1 ? this.values(name) : this.values(name).map((value) => Math.fround(value / scale))
    return tensor(this.device, values, this.shape(name), { dtype })
  }

  /** A stored volume `[B, C, H, W, D]` as `[B, H, W, D, C]`. */
  volume(name: string, options: { scale?: number } = {}): Tensor {
    return scope(() => channelsLast(this.tensor(name, options)))
  }

  /** Compares with the stored tensor by the family's rule: 30 times the error in float32, and 2e-6 of the scale. */
  async check(name: string, result: Result): Promise<void> {
    this.#compared.add(name)
    const want = this.values(name)
    const got = result instanceof Tensor ? await result.data() : typeof result === 'number' ? [result] : result
    this.checks.push(checkNumbers(name, got, want, this.bound(name)))
  }

  /** Every stored result must have been compared. */
  finish(): CheckResult[] {
    const stored = ['output.', 'grad.'].flatMap((prefix) => this.golden.names(prefix).map((name) => prefix + name))
    for (const name of stored) if (!this.#compared.has(name)) this.checks.push(failure(name, 'was not compared'))
    return this.checks
  }

  bound(name: string): number {
    const tolerance = this.#tolerance[name]
    if (tolerance === 'exact') return 0
    if (!tolerance) throw new Error(`the manifest has no tolerance for ${name}`)
    return 30 * tolerance.f32 + 2e-6 * tolerance.scale
  }

  /** Compares every stored output with the result of its name; one without a result is an error. */
  async checkOutputs(results: Readonly<Record<string, Result>>): Promise<void> {
    for (const name of this.golden.names('output.')) {
      await this.check(`output.${name}`, results[name] ?? [])
    }
  }

  /** The gradients of a scalar for stored names `grad.<run><name>`, of parameters and of the given inputs. */
  async checkGradients(
    objective: () => Tensor,
    { parameters, prefix = '', run = '', inputs = {} }: GradientSources,
  ): Promise<void> {
    const leaves = gradientLeaves(this.golden.names(`grad.${run}`), { parameters, prefix, inputs })
    const found = scope(() =>
      gradients(
        objective(),
        leaves.map(({ value }) => value),
      ),
    )
    for (const [i, { name, axes }] of leaves.entries()) {
      const laid = axes ? scope(() => permute(found[i]!, inverse(axes))) : found[i]!
      await this.check(`grad.${run}${name}`, laid)
      laid.dispose()
    }
  }

  /** Sum over stored cotangents of the products with the results of their names. */
  weighted(results: Readonly<Record<string, Tensor>>): Tensor {
    return scope(() =>
      Object.entries(results)
        .filter(([name]) => this.golden.has(`cotangent.${name}`))
        .map(([name, value]) => sum(mul(value, this.tensor(`cotangent.${name}`))))
        .reduce((total, part) => add(total, part)),
    )
  }

  /** The stored weights, `prefix` taken off their names; index buffers are left out. */
  weights(prefix = ''): WeightSource {
    const start = `weight.${prefix}`
    return {
      path: 'golden weights',
      names: this.golden.names(start).filter((name) => !name.endsWith('relative_position_index')),
      header: (name) => this.golden.entry(start + name),
      readFloat32: async (name) => Float32Array.from(this.values(start + name)),
    }
  }
}

interface GradientSources {
  readonly parameters?: ParameterScope | undefined
  /** What the stored names have before the parameters' names. */
  readonly prefix?: string
  /** A run's name with a dot at its end. */
  readonly run?: string
  readonly inputs?: Readonly<Record<string, Leaf>>
}

/** A tensor to differentiate by, and its axes relative to the stored layout. */
export interface Leaf {
  readonly value: Tensor
  readonly axes?: readonly number[] | undefined
}

function gradientLeaves(names: readonly string[], { parameters, prefix = '', inputs = {} }: GradientSources) {
  return names.flatMap((name) => {
    const input = inputs[name]
    if (input) return [{ name, ...input }]
    const parameter = name.startsWith(prefix) ? parameters?.parameters.get(name.slice(prefix.length)) : undefined
    return parameter ? [{ name, value: parameter.value, axes: parameter.declaration.axes }] : []
  })
}

const inverse = (axes: readonly number[]): number[] => axes.map((_, axis) => axes.indexOf(axis))

export const channelsLast = (x: Tensor): Tensor => permute(x, [0, 2, 3, 4, 1])
export const channelsFirst = (x: Tensor): Tensor => permute(x, [0, 4, 1, 2, 3])
/** Axes of a channels-last volume relative to the stored one. */
export const volumeAxes = [0, 2, 3, 4, 1] as const

/** Every n-th voxel along each of the last three axes of a stored layout, from `first`. */
export function every(
  { values, shape }: { values: ArrayLike<number>; shape: readonly number[] },
  step: number,
  first = 0,
): Float64Array {
  const [h, w, d] = shape.slice(-3) as [number, number, number]
  const outer = sizeOf(shape.slice(0, -3))
  const picked: number[] = []
  for (let n = 0; n < outer; n++) {
    for (let i = first; i < h; i += step) {
      for (let j = first; j < w; j += step) {
        for (let k = first; k < d; k += step) picked.push(values[((n * h + i) * w + j) * d + k]!)
      }
    }
  }
  return Float64Array.from(picked)
}

/** A tensor's values. */
export const numbers = async (x: Tensor): Promise<Float64Array> => Float64Array.from(await x.data())

/** Values and shape of a channels-last volume in the stored layout. */
export async function stored(x: Tensor): Promise<{ values: ArrayLike<number>; shape: readonly number[] }> {
  const laid = scope(() => channelsFirst(x))
  const values = await laid.data()
  const { shape } = laid
  laid.dispose()
  return { values, shape }
}
