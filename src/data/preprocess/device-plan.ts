import { type BandedMatrix, blurAndSampleMatrix } from '../antialias.js'
import type { AxisTable } from '../axis-tables.js'
import { boxGrid, centredBox, type VoxelBox } from '../crop.js'
import { NotSupportedDataError } from '../errors.js'
import { type Axis, invertAffine, multiplyAffines, type Triple } from '../geometry.js'
import { type Grid, type GridChange, type GridHistory, gridOf, recorded } from '../history.js'
import { tablesBetween } from '../interpolate.js'
import { reorient } from '../orientation.js'
import { axisTables, type ResampleOptions, type ResampleToGridOptions, resampledGrid } from '../resample.js'
import { antialiasSigma } from '../sampling-grid.js'
import { axesByStride } from '../strided-copy.js'
import { contiguous, countVoxels, spacingMm, type Volume, validateVolume, volumeName } from '../volume.js'
import { voxelType } from '../voxels.js'
import { type PreprocessStep, parsePreprocessSteps } from './steps.js'
import { intervalMap } from './values.js'

/** Something to do with the voxels of a volume on a device. All of it is plain data. */
export type DevicePass =
  /** New axis n is the old axis `axes[n]`, reversed where `flipped[n]`. */
  | { kind: 'orient'; axes: Triple; flipped: [boolean, boolean, boolean] }
  /** New plane n of an axis is the sum over t of `bands[n].weights[t]` times plane `bands[n].first + t`. */
  | { kind: 'bands'; axis: Axis; bands: { first: number; weights: number[] }[] }
  /**
   * New voxel (i, j, k) lies at three rows of four numbers times (i, j, k, 1) among the old ones. `outside` is the value
   * half a voxel and more beyond them; without it the edge is repeated.
   */
  | { kind: 'warp'; map: number[]; size: Triple; interpolation: 'linear' | 'nearest' | 'cubic'; outside?: number }
  /** The voxels of a box; `value` where it reaches beyond the volume. */
  | { kind: 'box'; first: Triple; size: Triple; value: number }
  | { kind: 'clamp'; min: number; max: number }
  | { kind: 'linear'; slope: number; intercept: number }

/** What a device has to do to get from the voxels of a scan to a network's input. */
export interface DevicePlan {
  /** The voxels in the order of memory, as float32. */
  data: Float32Array
  /** Their axes, slowest first. */
  shape: Triple
  passes: DevicePass[]
  /** The grid of the result, and the way to it (see `restoreGrid`). */
  output: Grid
  history: GridHistory
}

/**
 * The way of `preprocess` as passes for a device, with the same positions and weights: those of each axis are computed
 * here in float64. Voxels are taken as they lie in memory, so that nothing is transposed on this side.
 *
 * Throws a NotSupportedError for steps that need the voxels first (`normalize`, `cropForeground`: replace them by those
 * of a record), and for `roundTowardZero`, where the last bit of float64 decides. Throws a DataError as `preprocess`.
 */
export function planPreprocess(volume: Volume, steps: readonly PreprocessStep[]): DevicePlan {
  const plan = new Plan(volume)
  for (const step of parsePreprocessSteps(steps)) plan.add(step)
  return plan.finish()
}

/** The way of `resampleToGrid` as passes for a device. Errors as there. */
export function planResampleToGrid(volume: Volume, grid: Grid, options: ResampleToGridOptions = {}): DevicePlan {
  const plan = new Plan(volume)
  plan.resampleTo(grid, options)
  return plan.finish()
}

class Plan {
  private readonly data: Float32Array
  private readonly shape: Triple
  private readonly passes: DevicePass[] = []
  private grid: Grid
  private history: GridHistory

  constructor(private readonly volume: Volume) {
    validateVolume(volume)
    const layout = memoryLayout(volume)
    this.data = layout.data
    this.shape = layout.shape
    if (layout.pass) this.passes.push(layout.pass)
    this.grid = gridOf(volume)
    this.history = volume.history ?? []
  }

  finish(): DevicePlan {
    const { data, shape, passes, grid, history } = this
    return { data, shape, passes, output: grid, history }
  }

  add(step: PreprocessStep): void {
    switch (step.kind) {
      case 'orient': {
        // Orientation moves no voxel, so a volume that shares one element shows what would happen.
        const view = { ...this.grid, data: new Float32Array(1), strides: [0, 0, 0] as Triple, offset: 0 }
        const { shape, affine, history } = reorient(view, step.codes)
        const change = history!.at(-1)!.change as Extract<GridChange, { kind: 'orient' }>
        this.passes.push(change)
        this.note(change, { shape, affine })
        return
      }
      case 'resample':
        this.resample(step.spacingMm, step)
        return
      case 'cropOrPad':
        this.box(centredBox(this.grid.shape, step.size, step.surplus), step.value)
        return
      case 'padToAtLeast': {
        const size = this.grid.shape.map((count, axis) => Math.max(count, step.size[axis]!)) as Triple
        this.box(centredBox(this.grid.shape, size, step.surplus), step.value)
        return
      }
      case 'box':
        this.box(step, step.value)
        return
      case 'clamp':
        this.passes.push({ kind: 'clamp', min: step.min, max: step.max })
        return
      case 'linear':
        this.passes.push({ kind: 'linear', slope: step.slope, intercept: step.intercept })
        return
      case 'scale':
        this.passes.push({ kind: 'linear', ...intervalMap(step.from, step.to) })
        return
      default:
        throw this.notSupported(`the step '${step.kind}' measures the voxels`, 'Take the steps of a record of it')
    }
  }

  resampleTo(target: Grid, { interpolation = 'linear', outside }: ResampleToGridOptions): void {
    const tables =
      interpolation === 'cubic' || outside !== undefined
        ? undefined
        : tablesBetween({ ...this.grid, strides: [1, 1, 1] }, target, interpolation)
    if (tables) this.pushBands(tables)
    else {
      const map = multiplyAffines(invertAffine(this.grid.affine), target.affine).slice(0, 12)
      const size: Triple = [...target.shape]
      this.passes.push({ kind: 'warp', map, size, interpolation, ...(outside !== undefined && { outside }) })
    }
    this.note({ kind: 'resample' }, target)
  }

  private resample(target: Readonly<Triple>, options: ResampleOptions): void {
    const { interpolation = 'linear', rule = 'torchio', antialias = false, roundTowardZero = false } = options
    if (roundTowardZero) {
      const remedy = 'Run preprocess, or leave roundTowardZero out (differences below 1 HU)'
      throw this.notSupported('rounding toward zero shows the last bit of float64 arithmetic', remedy)
    }
    const { grid } = this
    const sampled = resampledGrid({ ...this.volume, ...grid }, target, options)
    const spacing = spacingMm(grid)
    if (antialias || interpolation === 'cubic') {
      const method = interpolation === 'cubic' ? 'cubic' : 'linear'
      const sigma = (axis: Axis) => (antialias ? antialiasSigma(spacing[axis], target[axis]) : 0)
      const bands = (axis: Axis) => blurAndSampleMatrix(grid.shape[axis], sampled.axes[axis], sigma(axis), method)
      for (const axis of [0, 1, 2] as const) this.push(axis, bandsOfMatrix(bands(axis)))
    } else {
      const method = interpolation === 'nearest' ? 'nearest' : 'linear'
      this.pushBands(axisTables({ ...grid, strides: [1, 1, 1] }, sampled, { rule, interpolation: method }))
    }
    this.note({ kind: 'resample' }, sampled)
  }

  private pushBands(tables: readonly AxisTable[]): void {
    for (const axis of [0, 1, 2] as const) this.push(axis, bandsOfTable(tables[axis]!))
  }

  private push(axis: Axis, bands: { first: number; weights: number[] }[]): void {
    this.passes.push({ kind: 'bands', axis, bands })
  }

  private box(box: VoxelBox, value: number): void {
    this.passes.push({ kind: 'box', first: [...box.first], size: [...box.size], value })
    this.note({ kind: 'box', first: [...box.first] }, boxGrid(this.grid, box))
  }

  private note(change: GridChange, after: Grid): void {
    this.history = recorded({ ...this.grid, history: this.history }, change, after)
    this.grid = gridOf(after)
  }

  private notSupported(what: string, remedy: string): NotSupportedDataError {
    return new NotSupportedDataError(`cannot be prepared on a device: ${what}`, {
      path: volumeName(this.volume),
      remedy,
    })
  }
}

/** The voxels as they lie, where they fill their array; otherwise a copy in C order. */
function memoryLayout(volume: Volume): { data: Float32Array; shape: Triple; pass?: DevicePass } {
  const { data, shape, strides } = volume
  const order = axesByStride(strides)
  const sizes = order.map((axis) => shape[axis]) as Triple
  const dense = [sizes[1] * sizes[2], sizes[2], 1]
  const isDense = order.every((axis, n) => shape[axis] === 1 || Math.abs(strides[axis]) === dense[n])
  if (!isDense || data.length !== countVoxels(shape)) {
    return { data: contiguous(volume, 'float32').data as Float32Array, shape: [...shape] }
  }
  const float = voxelType(data) === 'float32' ? (data as Float32Array) : Float32Array.from(data)
  const axes = [0, 1, 2].map((axis) => order.indexOf(axis as Axis)) as Triple
  const flipped = [0, 1, 2].map((axis) => strides[axis]! < 0) as [boolean, boolean, boolean]
  const isPlain = axes.every((axis, n) => axis === n) && !flipped.includes(true)
  return { data: float, shape: sizes, ...(!isPlain && { pass: { kind: 'orient', axes, flipped } }) }
}

function bandsOfTable({ below, next, weight }: AxisTable) {
  return Array.from(below, (first, n) => {
    const part = weight[n]!
    return { first, weights: next[n] === 0 ? [1] : [1 - part, part] }
  })
}

const bandsOfMatrix = ({ first, weights }: BandedMatrix) =>
  weights.map((row, n) => ({ first: first[n]!, weights: [...row] }))
