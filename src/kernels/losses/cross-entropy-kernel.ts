/** The kernels of cross-entropy: the loss of each row, and the gradient of the logits. */
import type { DType } from '../../engine/dtype.js'
import { defineKernel } from '../../engine/kernel.js'
import type { Tensor } from '../../engine/tensor.js'
import { declareArrays } from '../norm/bindings.js'
import nanWgsl from '../softmax/nan.wgsl'
import { type Extents, type KernelContext, runFold } from '../variance/fold.js'
import { teamVariants } from '../variance/team.js'
import crossEntropyWgsl from './cross-entropy.wgsl'
import blockWgsl from './cross-entropy-block.wgsl'
import gradientWgsl from './cross-entropy-gradient.wgsl'
import targetWgsl from './cross-entropy-target.wgsl'

/** Rows of logits along `length` classes, and what they should be. */
export interface CrossEntropyCall {
  readonly extents: Extents
  readonly logits: Tensor
  /** Labels of the rows, or floats of the logits' shape: class probabilities. */
  readonly target: Tensor
  readonly classWeight: Tensor | undefined
  readonly smoothing: number
  readonly ignoreIndex: number
}

const isSoft = (dtype: DType) => dtype === 'f32' || dtype === 'f16'

const targetCode = (target: DType, weighted: boolean) => `
const SOFT = ${isSoft(target)};
fn classWeightAt(i: u32) -> f32 { return ${weighted ? 'f32(classWeight[i])' : '1.0'}; }
${targetWgsl}`

/** A label that is no class makes its loss NaN: it must not pass unnoticed. */
const emitLabels = (weighted: boolean, weights: boolean) => `
  let label = i32(labels[at]);
  let used = label != i32(params.options.y);
  let wrong = used && (label < 0 || u32(label) >= params.length);
  losses[at] = state.z + state.w * logarithm(state.y) + bitcast<f32>(select(0u, 0x7fc00000u, wrong));
  ${weights ? `rowWeights[at] = select(0.0, ${weighted ? 'f32(classWeight[max(label, 0)])' : '1.0'}, used);` : ''}`

const emitSoft = '  losses[at] = state.z + state.w * logarithm(state.y);'

/** Records the loss of each row, and the weights for a mean over labels if asked for; f32 `[outer, inner]` each. */
export function runRowLosses(context: KernelContext, call: CrossEntropyCall, losses: Tensor, weights?: Tensor): void {
  const { logits, target, classWeight, extents, smoothing, ignoreIndex } = call
  const weighted = classWeight !== undefined
  const soft = isSoft(target.dtype)
  runFold(context, {
    fn: {
      name: `crossEntropy ${weighted} ${weights !== undefined}`,
      state: 'vec4<f32>',
      merge: `${nanWgsl}\n${crossEntropyWgsl}`,
      block: `${targetCode(target.dtype, weighted)}\n${blockWgsl}`,
      emit: soft ? emitSoft : emitLabels(weighted, weights !== undefined),
    },
    inputs: [
      { name: 'x', tensor: logits },
      { name: 'labels', tensor: target },
      ...(classWeight ? [{ name: 'classWeight', tensor: classWeight }] : []),
    ],
    results: [{ name: 'losses', tensor: losses }, ...(weights ? [{ name: 'rowWeights', tensor: weights }] : [])],
    runs: [extents],
    whole: true,
    options: [smoothing, ignoreIndex],
  })
}

interface GradientProblem extends Extents {
  readonly logits: DType
  readonly target: DType
  readonly classWeight: DType | undefined
  readonly smoothing: number
  readonly ignoreIndex: number
  readonly factor: number
  readonly perRow: boolean
}

const gradientKernel = defineKernel<GradientProblem>({
  name: 'crossEntropyGradient',
  variants: teamVariants<GradientProblem>({
    wgsl: gradientWgsl,
    rows: ({ outer, inner }) => outer * inner,
    loads: ({ length, inner }) => (inner > 1 ? 1 : length),
    key: ({ logits, target, classWeight, perRow }) => `|${logits}|${target}|${classWeight}|${perRow}`,
    specialize: ({ logits, target, classWeight, perRow }) => ({
      // The last two bring `enable f16;` along.
      types: { Element: logits, Label: target, ClassWeight: classWeight ?? 'f32' },
      code: [
        declareArrays([
          { name: 'x', type: 'Element' },
          { name: 'labels', type: 'Label' },
          ...(classWeight ? [{ name: 'classWeight', type: 'ClassWeight' }] : []),
          { name: 'gradients', type: 'f32' },
          { name: 'dx', type: 'Element', writes: true },
        ]),
        `fn gradientOf(row: u32) -> f32 { return gradients[${perRow ? 'row' : '0'}]; }`,
        nanWgsl,
        targetCode(target, classWeight !== undefined),
      ].join('\n'),
    }),
    parameters: (writer, { outer, length, inner, ignoreIndex, smoothing, factor }) =>
      writer
        .u32(outer * inner)
        .u32(length)
        .u32(inner)
        .i32(ignoreIndex)
        .f32(smoothing)
        .f32(factor),
  }),
})

/** Records the gradient of the logits; `gradient` (f32) holds one number, or one for each row. */
export function runLogitGradient(
  context: KernelContext,
  call: CrossEntropyCall,
  gradient: Tensor,
  factor: number,
  dx: Tensor,
): void {
  const { logits, target, classWeight, extents, smoothing, ignoreIndex } = call
  const problem: GradientProblem = {
    ...extents,
    logits: logits.dtype,
    target: target.dtype,
    classWeight: classWeight?.dtype,
    smoothing,
    ignoreIndex,
    factor,
    perRow: gradient.size !== 1,
  }
  const inputs = [logits, target, ...(classWeight ? [classWeight] : []), gradient]
  context.run({ kernel: gradientKernel, problem, inputs, outputs: [dx] })
}
