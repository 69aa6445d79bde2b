import { type Device, keep, type Tensor, tensor } from '../../engine/index.js'
import type { Triple } from '../layers/basic.js'
import { planWindows, relativePositionIndex, type WindowPlan } from './windows.js'

/** A plan of windows on the device. */
export interface WindowTables {
  readonly plan: WindowPlan
  /** i32 `[windows * tokens]` */
  readonly source: Tensor
  /** i32 `[voxels]` */
  readonly target: Tensor
  /** i32 `[windows, tokens]`, in shifted blocks */
  readonly regions: Tensor | undefined
  /** i32 `[tokens * tokens]`: rows of the bias table */
  readonly relative: Tensor
}

/** The tables of every grid that was met, made once and shared by all blocks with the same window. */
export class WindowTableCache {
  readonly device: Device
  readonly windowSize: number
  readonly #tables = new Map<string, WindowTables>()
  readonly #relative = new Map<number, Tensor>()

  constructor(device: Device, windowSize: number) {
    this.device = device
    this.windowSize = windowSize
  }

  get(grid: Triple, shifted: boolean): WindowTables {
    const key = `${grid.join()} ${shifted}`
    const known = this.#tables.get(key)
    if (known) return known
    const plan = planWindows(grid, this.windowSize, shifted)
    const { windows, tokensPerWindow } = plan
    const made: WindowTables = {
      plan,
      source: this.#integers(plan.source, [plan.source.length]),
      target: this.#integers(plan.target, [plan.target.length]),
      regions: plan.regions && this.#integers(plan.regions, [windows, tokensPerWindow]),
      relative: this.#relativeIndex(tokensPerWindow),
    }
    this.#tables.set(key, made)
    return made
  }

  #relativeIndex(tokens: number): Tensor {
    const known = this.#relative.get(tokens)
    if (known) return known
    const made = this.#integers(relativePositionIndex(this.windowSize, tokens), [tokens * tokens])
    this.#relative.set(tokens, made)
    return made
  }

  #integers(values: Int32Array, shape: readonly number[]): Tensor {
    return keep(tensor(this.device, values, shape, { dtype: 'i32' }))
  }

  dispose(): void {
    for (const { source, target, regions } of this.#tables.values()) {
      for (const table of [source, target, regions]) table?.dispose()
    }
    for (const table of this.#relative.values()) table.dispose()
    this.#tables.clear()
    this.#relative.clear()
  }
}
