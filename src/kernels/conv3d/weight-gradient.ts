/** The gradient of a convolution's weight: a matrix product over windows, which is long and thin and thus cut along k. */
import { defineGemm, type GemmClient } from '../gemm/index.js'
import coarseRaggedWgsl from './coarse-ragged.wgsl'
import coarseWholeWgsl from './coarse-whole.wgsl'
import { skeletons } from './skeletons.js'
import { bindingOf, readerOf } from './storage.js'
import productWgsl from './weight-gradient-product.wgsl'
import storeWgsl from './weight-gradient-store.wgsl'
import {
  type VolumeView,
  type Windows,
  windowCount,
  windowKey,
  windowSize,
  windowSource,
  writeWindows,
} from './windows.js'

type FloatType = 'f32' | 'f16'

/** `dweight[a, element] = sum over windows of coarse[window, a] * window[element]` */
export interface WeightGradientProblem {
  readonly windows: Windows
  /** The volume with a voxel per window. */
  readonly coarse: VolumeView
}

const columnsOf = ({ windows, coarse }: WeightGradientProblem): number => coarse.channels / windows.groups

const isWholeCoarse = (problem: WeightGradientProblem): boolean =>
  [columnsOf(problem), problem.coarse.channels, problem.coarse.first].every((n) => n % 4 === 0)

const client: GemmClient<WeightGradientProblem> = {
  name: 'convolutionWeightGradient',
  shape: (problem) => ({
    m: windowSize(problem.windows),
    n: columnsOf(problem),
    k: windowCount(problem.windows),
    batch: problem.windows.groups,
    a: { vectors: 'outer', dtype: problem.windows.volume.dtype as FloatType },
    b: { vectors: 'outer', dtype: problem.coarse.dtype as FloatType },
  }),
  key(problem) {
    return [windowKey(problem.windows), problem.coarse.dtype, isWholeCoarse(problem)].join('|')
  },
  source(problem) {
    const { constants, types, volume, shared, readers } = windowSource(problem.windows)
    const coarse = { name: 'coarse', dtype: problem.coarse.dtype, whole: isWholeCoarse(problem) }
    return {
      constants,
      types,
      inputs: [bindingOf(coarse), bindingOf(volume)],
      outputs: [{ name: 'dweight', type: 'f32' }],
      shared,
      readers: [readers, productWgsl, readerOf(coarse), coarse.whole ? coarseWholeWgsl : coarseRaggedWgsl].join('\n'),
      store: storeWgsl,
    }
  },
  parameters(writer, { windows, coarse }) {
    writeWindows(writer, windows)
    writer.vectors([], 4).u32(coarse.first).u32(coarse.channels)
  },
}

/** Inputs: the volume with a voxel per window, and the one with the windows. Output: the gradient, f32. */
export const weightGradientKernel = defineGemm(client, skeletons)
