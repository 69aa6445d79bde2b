/** The gradient of a convolution's weight: a matrix product over windows, which is long and thin and thus cut along k. */
import { bytesPerElement, type DType } from '../../engine/dtype.js'
import { defineGemm, type GemmClient } from '../gemm/index.js'
import coarseRaggedWgsl from './coarse-ragged.wgsl'
import coarseWholeWgsl from './coarse-whole.wgsl'
import { type ConvolutionShape, skeletons } from './skeletons.js'
import { bindingOf, readerOf } from './storage.js'
import productWgsl from './weight-gradient-product.wgsl'
import storeWgsl from './weight-gradient-store.wgsl'
import {
  type VolumeView,
  volumeBytes,
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
  readonly outputType: DType
}

const columnsOf = ({ windows, coarse }: WeightGradientProblem): number => coarse.channels / windows.groups

const isWholeCoarse = (problem: WeightGradientProblem): boolean =>
  [columnsOf(problem), problem.coarse.channels, problem.coarse.first].every((n) => n % 4 === 0)

const client: GemmClient<WeightGradientProblem> = {
  name: 'convolutionWeightGradient',
  shape(problem): ConvolutionShape {
    const { windows, coarse, outputType } = problem
    const [m, n, k] = [windowSize(windows), columnsOf(problem), windowCount(windows)]
    const { groups, volume, batch } = windows
    return {
      ...{ m, n, k, batch: groups },
      a: { vectors: 'outer', dtype: volume.dtype as FloatType },
      b: { vectors: 'outer', dtype: coarse.dtype as FloatType },
      tensorBytes:
        volumeBytes(volume, batch) + volumeBytes(coarse, batch) + groups * m * n * bytesPerElement(outputType),
    }
  },
  key(problem) {
    return [windowKey(problem.windows), problem.coarse.dtype, isWholeCoarse(problem), problem.outputType].join('|')
  },
  source(problem) {
    const { constants, types, volume, shared, readers } = windowSource(problem.windows)
    const coarse = { name: 'coarse', dtype: problem.coarse.dtype, whole: isWholeCoarse(problem) }
    return {
      constants,
      types: { ...types, WeightType: problem.outputType },
      inputs: [bindingOf(coarse), bindingOf(volume)],
      outputs: [{ name: 'dweight', type: problem.outputType }],
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

/** Inputs: the volume with a voxel per window, and the one with the windows. Output: the gradient. */
export const weightGradientKernel = defineGemm(client, skeletons)
