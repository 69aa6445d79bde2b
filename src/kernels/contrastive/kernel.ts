/** The kernels of the contrastive losses around the products. */
import { defineKernel } from '../../engine/kernel.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import blockWgsl from './block.wgsl'
import embeddingGradientWgsl from './embedding-gradient.wgsl'
import finishWgsl from './finish.wgsl'
import logitGradientWgsl from './logit-gradient.wgsl'
import {
  type BlockProblem,
  type ContrastiveOptions,
  type EmbeddingProblem,
  type FinishProblem,
  hasLoss,
  type Side,
  type SideProblem,
  shareOf,
  standApart,
  strideOf,
  widthOf,
  widthOfBlock,
} from './problem.js'
import statisticsWgsl from './statistics.wgsl'
import { type TargetName, targetCode, targetKey, targetNames, targets } from './targets.js'

type Binding = readonly [name: string, element: string]

function declare(inputs: readonly Binding[], outputs: readonly Binding[]): string {
  return [...inputs, ...outputs]
    .map(([name, element], i) => {
      const access = i < inputs.length ? 'read' : 'read_write'
      return `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${element}>;`
    })
    .join('\n')
}

const targetBindings = (names: readonly TargetName[]): Binding[] => names.map((name) => [name, targets[name].element])

function writeBlock(writer: ParameterWriter, problem: BlockProblem): void {
  const { rows, columns, offset, firstImage, images, firstText, texts } = problem
  writer
    .u32(rows)
    .u32(columns)
    .u32(strideOf(problem))
    .i32(offset + firstImage - firstText)
    .u32(firstImage)
    .u32(images)
    .u32(firstText)
    .u32(texts)
}

/** What a kernel's source depends on. */
const modes = (options: ContrastiveOptions) => ({
  PAIRWISE: options.pairwise,
  APART: standApart(options),
  SINGLE: standApart(options) && options.kind === 'diagonal',
})

/** Invocations of a workgroup, and logits that one takes at a time. */
const statisticsLanes = 64
const statisticsBlock = 8

/** Whether the losses of a side's rows need more than the sums of their exponentials. */
const isRested = (problem: SideProblem) => !standApart(problem) || problem.labelSmoothing > 0

/** Whether every invocation walks whole blocks. */
const isWhole = ({ side, rows, columns }: SideProblem) =>
  (side === 'image' ? columns / statisticsLanes : rows) % statisticsBlock === 0

const isContinued = ({ side, firstImage, firstText }: SideProblem) => (side === 'image' ? firstText : firstImage) > 0

/** Inputs a block of logits and the side's targets; outputs two vectors per row of the side. */
export const statisticsKernel = defineKernel<SideProblem>({
  name: 'contrastiveStatistics',
  variants: [
    {
      name: 'portable',
      wgsl: statisticsWgsl,
      key: (problem) =>
        [
          targetKey(problem),
          problem.pairwise,
          problem.side,
          isContinued(problem),
          isRested(problem),
          isWhole(problem),
        ].join('|'),
      specialize: (problem) => {
        const names = targetNames(problem, [problem.side])
        const inputs: Binding[] = [['logits', 'f32'], ...targetBindings(names)]
        return {
          constants: {
            ...modes(problem),
            LANES: statisticsLanes,
            BLOCK: statisticsBlock,
            OF_IMAGES: problem.side === 'image',
            CONTINUED: isContinued(problem),
            RESTED: isRested(problem),
            WHOLE: isWhole(problem),
          },
          code: [declare(inputs, [['statistics', 'vec4f']]), blockWgsl, targetCode(problem, names)].join('\n'),
        }
      },
      parameters: writeBlock,
      workgroups: ({ side, rows, columns }) => (side === 'image' ? rows : Math.ceil(columns / statisticsLanes)),
    },
  ],
})

/** Inputs statistics, and weights with their sum if there are any; outputs losses and coefficients. */
export const finishKernel = defineKernel<FinishProblem>({
  name: 'contrastiveFinish',
  variants: [
    {
      name: 'portable',
      wgsl: finishWgsl,
      specialize: (problem) => {
        const { weighted, kind } = problem
        const inputs: Binding[] = [
          ['statistics', 'vec4f'],
          ...(weighted ? (['weight', 'weightSum'] as const).map((name): Binding => [name, 'f32']) : []),
        ]
        const outputs: Binding[] = [
          ['losses', 'f32'],
          ['coefficients', 'vec4f'],
        ]
        const { PAIRWISE, APART } = modes(problem)
        return {
          constants: { PAIRWISE, APART, EVEN: kind !== 'soft' },
          code: [
            declare(inputs, outputs),
            `fn weightOf(row: u32) -> f32 { return ${weighted ? 'weight[row]' : '1.0'}; }`,
            `fn weightTotal() -> f32 { return ${weighted ? 'weightSum[0]' : 'f32(params.ownCount)'}; }`,
          ].join('\n'),
        }
      },
      parameters: (writer, problem) =>
        writer.u32(problem.own).u32(problem.other).f32(problem.labelSmoothing).f32(shareOf(problem)),
      workgroups: ({ own }) => Math.ceil(own / 64),
    },
  ],
})

/** Sides that have losses, and with them coefficients. */
export const lossSides = (options: ContrastiveOptions): Side[] =>
  (['image', 'text'] as const).filter((side) => hasLoss(options, side))

const gradientLanes = 64
/** Rows that an invocation walks. */
const gradientRows = 32

/**
 * Inputs (scale, …), the coefficients of {@link lossSides}, the inverse lengths of images and texts if they are normalised,
 * targets; output the block of logits, changed in place.
 */
export const logitGradientKernel = defineKernel<BlockProblem>({
  name: 'contrastiveLogitGradient',
  variants: [
    {
      name: 'portable',
      wgsl: logitGradientWgsl,
      key: (problem) => `${targetKey(problem)}|${problem.pairwise}|${problem.symmetric}|${problem.normalize}`,
      specialize: (problem) => {
        const sides = lossSides(problem)
        const names = targetNames(problem, ['image', 'text'])
        const inverses = problem.normalize ? ['imageInverses', 'textInverses'] : []
        const inputs: Binding[] = [
          ['factors', 'f32'],
          ...sides.map((side): Binding => [`${side}Coefficients`, 'vec4f']),
          ...inverses.map((name): Binding => [name, 'f32']),
          ...targetBindings(names),
        ]
        const of = (side: Side) => [
          `fn ${side}Coefficient(i: u32) -> vec4f { return ${sides.includes(side) ? `${side}Coefficients[i]` : 'vec4f()'}; }`,
          `fn ${side}Inverse(i: u32) -> f32 { return ${problem.normalize ? `${side}Inverses[i]` : '1.0'}; }`,
        ]
        return {
          constants: {
            ...modes(problem),
            LANES: gradientLanes,
            ROWS: gradientRows,
            OF_IMAGE: sides.includes('image'),
            OF_TEXT: sides.includes('text'),
          },
          code: [
            declare(inputs, [['logits', 'f32']]),
            blockWgsl,
            targetCode(problem, names),
            ...of('image'),
            ...of('text'),
          ].join('\n'),
        }
      },
      parameters: writeBlock,
      workgroups: (problem) =>
        Math.ceil(widthOfBlock(problem) / gradientLanes) * Math.ceil(problem.rows / gradientRows),
    },
  ],
})

/** Shortest length that a row is divided by, as in `l2Normalize`. */
export const leastLength = 1e-12

/**
 * Inputs embeddings, the gradient of the loss and, if they are normalised, their inverse lengths; outputs their gradient, in
 * place, and its products.
 */
export const embeddingGradientKernel = defineKernel<EmbeddingProblem>({
  name: 'contrastiveEmbeddingGradient',
  variants: [
    {
      name: 'portable',
      wgsl: embeddingGradientWgsl,
      specialize: ({ features, dtype, normalize }, { software }) => {
        const isWhole = widthOf(features) === 4
        const value = isWhole ? 'vec4f' : 'f32'
        const inputs: Binding[] = [
          ['own', isWhole ? `vec4<${dtype}>` : dtype],
          ['lossGradient', 'f32'],
          ...(normalize ? [['inverses', 'f32'] as const] : []),
        ]
        const outputs: Binding[] = [
          ['gradient', value],
          ['products', 'f32'],
        ]
        return {
          types: { Value: value, Stored: dtype },
          constants: { LANES: software ? 8 : 64, NORMALIZE: normalize },
          code: [
            declare(inputs, outputs),
            `const GREATEST = ${1 / leastLength}f;`,
            `fn inner(a: Value, b: Value) -> f32 { return ${isWhole ? 'dot(a, b)' : 'a * b'}; }`,
            `fn inverseOf(row: u32) -> f32 { return ${normalize ? 'inverses[row]' : '1.0'}; }`,
          ].join('\n'),
        }
      },
      parameters: (writer, { count, features }) => writer.u32(count).u32(features / widthOf(features)),
      workgroups: ({ count }) => count,
    },
  ],
})
