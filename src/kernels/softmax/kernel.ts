/** The fused kernels of softmax and its logarithm along rows. */
import type { DType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import { rowsBucket, type TeamKernel, teamVariants } from '../variance/team.js'
import { vectorCode, vectorTypes, vectorWidth } from '../variance/vector.js'
import logSumExpWgsl from './log-sum-exp.wgsl'
import nanWgsl from './nan.wgsl'
import rowWgsl from './row.wgsl'
import rowGradientWgsl from './row-gradient.wgsl'

export interface SoftmaxRows {
  readonly rows: number
  readonly length: number
  readonly dtype: DType
  readonly logarithm: boolean
}

/** `exponential` of a vector. */
const exponentialsCode = (width: 1 | 4) => {
  const parts = width === 4 ? [...'xyzw'].map((component) => `exponential(v.${component})`) : ['exponential(v)']
  return `fn exponentials(v: Vector) -> Vector { return Vector(${parts.join(', ')}); }`
}

const rowKernel = (wgsl: string, code: string): TeamKernel<SoftmaxRows> => ({
  wgsl,
  rows: ({ rows }) => rows,
  loads: ({ length }) => length / vectorWidth(length),
  key: ({ length, dtype, logarithm }) => `|${dtype}|${vectorWidth(length)}|${logarithm}`,
  specialize: ({ length, dtype, logarithm }) => ({
    types: vectorTypes(vectorWidth(length), { Element: dtype }),
    constants: { LOGARITHM: logarithm },
    code: [vectorCode(vectorWidth(length)), code, exponentialsCode(vectorWidth(length))].join('\n'),
  }),
  parameters: (writer, { rows, length }) => writer.u32(rows).u32(length / vectorWidth(length)),
})

export const softmaxKernel = defineKernel<SoftmaxRows>({
  name: 'softmax',
  bucket: rowsBucket,
  variants: teamVariants(rowKernel(rowWgsl, `${nanWgsl}\n${logSumExpWgsl}`)),
})

export const softmaxGradientKernel = defineKernel<SoftmaxRows>({
  name: 'softmaxGradient',
  bucket: rowsBucket,
  variants: teamVariants(rowKernel(rowGradientWgsl, nanWgsl)),
})

/** Rows beyond this length are cut into parts when there are too few of them to keep a GPU busy. */
const longRow = 16384
const manyRows = 256

/** Whether the fused kernels serve. Otherwise the axis is folded first and the result made element by element. */
export function fusesRows(rows: number, length: number, inner: number): boolean {
  return inner === 1 && (length <= longRow || rows >= manyRows)
}
