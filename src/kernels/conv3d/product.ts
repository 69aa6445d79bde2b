/** Windows times a weight: convolutions of both directions as matrix products, bias and activation with them. */
import { bytesPerElement, type DType } from '../../engine/dtype.js'
import { type Activation, activationCode } from '../elementwise/activation.js'
import { defineGemm, type GemmClient } from '../gemm/index.js'
import biasWgsl from './bias.wgsl'
import type { Triple } from './geometry.js'
import productWgsl from './product.wgsl'
import { type ConvolutionShape, skeletons } from './skeletons.js'
import { bindingOf, readerOf, type StoredTensor, writerOf } from './storage.js'
import storeWgsl from './store.wgsl'
import storePatchesWgsl from './store-patches.wgsl'
import weightColumnsWgsl from './weight-columns.wgsl'
import weightColumnsRaggedWgsl from './weight-columns-ragged.wgsl'
import weightColumnsWholeWgsl from './weight-columns-whole.wgsl'
import weightRowsRaggedWgsl from './weight-rows-ragged.wgsl'
import weightRowsWholeWgsl from './weight-rows-whole.wgsl'
import { volumeBytes, type Windows, windowCount, windowKey, windowSize, windowSource, writeWindows } from './windows.js'

type FloatType = 'f32' | 'f16'

/** How the weight lies: `rows` is `[groups * outputs, taps * run]`; `columns` is `[groups * run, all taps, outputs]`. */
export type WeightLayout =
  | { readonly order: 'rows' }
  | {
      readonly order: 'columns'
      /** Taps of the whole kernel. */
      readonly allTaps: number
      /** Number of the windows' first tap, and how far the next one is along D, H, W. */
      readonly firstTap: number
      readonly nextTap: readonly [number, number, number]
    }

/** Outputs of a window that are the voxels of a patch times its channels. */
export interface Patch {
  readonly extents: Triple
  readonly channels: number
  /** Element strides of y along D and H. */
  readonly strides: readonly [number, number]
}

/** `y[window's voxel, output] = activate(bias + sum of window times weight)` */
export interface ProductProblem {
  readonly windows: Windows
  /** Output channels of a group. */
  readonly outputs: number
  readonly weight: WeightLayout
  /** Where the windows' results lie in y: the first one, and element strides along N, D, H, W of the grid. */
  readonly target: { readonly first: number; readonly strides: readonly [number, number, number, number] }
  /** If every window's outputs are spread over a patch of y instead. */
  readonly patch?: Patch | undefined
  readonly weightType: DType
  readonly outputType: DType
  readonly biasType: DType | undefined
  readonly activation: Activation | undefined
}

const isWholeWeight = ({ windows, outputs, weight }: ProductProblem): boolean =>
  (weight.order === 'rows' ? windowSize(windows) : outputs) % 4 === 0

/** Whether windows and voxels of y are numbered alike. */
function isLinear({ windows, outputs, target }: ProductProblem): boolean {
  const [, height, width] = windows.grid
  const channels = windows.groups * outputs
  const [n, d, h, w] = target.strides
  const follows = (outer: number, inner: number, extent: number) => outer === inner * extent
  return w === channels && follows(h, w, width) && follows(d, h, height) && follows(n, d, windows.grid[0])
}

const lineOf = ({ extents, channels }: Patch): number => extents[2] * channels

const isWholeTarget = ({ outputs, target, patch }: ProductProblem): boolean =>
  [outputs, target.first, ...target.strides, ...(patch ? [lineOf(patch), ...patch.strides] : [])].every(
    (n) => n % 4 === 0,
  )

function weightReaders(problem: ProductProblem, weight: StoredTensor): string {
  if (problem.weight.order === 'rows') return weight.whole ? weightRowsWholeWgsl : weightRowsRaggedWgsl
  return `${weightColumnsWgsl}\n${weight.whole ? weightColumnsWholeWgsl : weightColumnsRaggedWgsl}`
}

const client: GemmClient<ProductProblem> = {
  name: 'convolution',
  shape({ windows, outputs, weight, weightType, outputType }): ConvolutionShape {
    const [m, n, k] = [windowCount(windows), outputs, windowSize(windows)]
    const { groups, volume, batch } = windows
    return {
      ...{ m, n, k, batch: groups },
      a: { vectors: 'inner', dtype: volume.dtype as FloatType },
      b: { vectors: weight.order === 'rows' ? 'inner' : 'outer', dtype: weightType as FloatType },
      tensorBytes:
        volumeBytes(volume, batch) + groups * n * (k * bytesPerElement(weightType) + m * bytesPerElement(outputType)),
    }
  },
  key(problem) {
    const { windows, weight, weightType, outputType, biasType, activation } = problem
    const target = problem.patch ? 'patch' : isLinear(problem)
    const layout = [weight.order, isWholeWeight(problem), isWholeTarget(problem), target]
    const finish = [biasType, activation?.name, activation?.slope]
    return [windowKey(windows), weightType, outputType, ...layout, ...finish].join('|')
  },
  source(problem) {
    const { windows, biasType, activation } = problem
    const { constants, types, volume, shared, readers } = windowSource(windows)
    const weight = { name: 'weight', dtype: problem.weightType, whole: isWholeWeight(problem) }
    const y = { name: 'y', dtype: problem.outputType, whole: isWholeTarget(problem) }
    const bias = biasType && { name: 'bias', dtype: biasType, whole: false }
    return {
      constants: { ...constants, LINEAR: isLinear(problem), WHOLE_PATCHES: y.whole },
      types: { ...types, YType: problem.outputType, BiasType: biasType ?? 'f32' },
      inputs: [volume, weight, ...(bias ? [bias] : [])].map((tensor) => bindingOf(tensor)),
      outputs: [bindingOf(y, true)],
      shared,
      readers: [readers, productWgsl, readerOf(weight), weightReaders(problem, weight)].join('\n'),
      store: [
        activationCode(activation),
        bias ? readerOf(bias) + biasWgsl : 'fn biasAt(channel: u32, count: u32) -> vec4f { return vec4f(); }',
        writerOf(y),
        problem.patch ? storePatchesWgsl : storeWgsl,
      ].join('\n'),
    }
  },
  parameters(writer, { windows, outputs, weight, target, patch }) {
    writeWindows(writer, windows)
    writer
      .vectors(target.strides, 4)
      .u32(target.first)
      .u32(patch ? patch.channels : windows.groups * outputs)
    if (weight.order === 'rows') return
    writer
      .u32(weight.allTaps * outputs)
      .u32(weight.firstTap)
      .vectors(weight.nextTap, 4)
    if (patch) writer.vectors([lineOf(patch), patch.extents[1], ...patch.strides], 4)
  },
}

/** Inputs: the volume, the weight, the bias if there is one. Output: y. */
export const productKernel = defineGemm(client, skeletons)
