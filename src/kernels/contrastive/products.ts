/** The three products of a block of logits, by the skeletons of kernels/gemm. */
import type { DType } from '../../engine/dtype.js'
import { defineGemm, forOperand, type GemmClient, type GemmShape, type GemmSkeleton, skeletons } from '../gemm/index.js'
import { strideOf, widthOf } from './problem.js'
import raggedWgsl from './ragged.wgsl'
import storeGradientWgsl from './store-gradient.wgsl'
import storeGradientRaggedWgsl from './store-gradient-ragged.wgsl'
import storeLogitsWgsl from './store-logits.wgsl'
import wholeWgsl from './whole.wgsl'

interface Sizes {
  /** Images and texts in the block. */
  readonly rows: number
  readonly columns: number
  readonly features: number
}

/** Images by texts. Where vectors are lanes, the latter are read faster across than along: transposed. */
export interface LogitProblem extends Sizes {
  readonly image: DType
  readonly text: DType
  readonly normalize: boolean
  readonly pairwise: boolean
  /** Texts come as the columns of a matrix with rows like the block's. */
  readonly transposed: boolean
}

/** The block by texts for images, its transpose by images for texts. */
export interface GradientProblem extends Sizes {
  readonly of: 'image' | 'text'
  /** Of the embeddings that are summed. */
  readonly dtype: DType
  /** Adds to what earlier blocks left. */
  readonly add: boolean
}

type FloatType = 'f32' | 'f16'

const shared = `
struct Params {
  gemm: Gemm,
  strideA: u32, // numbers in a stored row
  strideB: u32,
  strideResult: u32,
}
@group(1) @binding(0) var<uniform> params: Params;`

/** For small products: soon compiled, where the others take seconds on a software adapter. */
const small: GemmSkeleton = {
  ...skeletons.at(-1)!,
  name: 'small',
  supports: ({ software }, { m, n, k }) => software && m * n * k <= 2 ** 18,
}

const stored = (dtype: DType, isWhole: boolean) => (isWhole ? `vec4<${dtype}>` : dtype)

const reader = (letter: 'A' | 'B', isWhole: boolean) => forOperand(isWhole ? wholeWgsl : raggedWgsl, letter)

function logitShape({ rows, columns, features, image, text, transposed }: LogitProblem): GemmShape {
  return {
    m: rows,
    n: columns,
    k: features,
    batch: 1,
    a: { vectors: 'inner', dtype: image as FloatType },
    b: { vectors: transposed ? 'outer' : 'inner', dtype: text as FloatType, isStrided: transposed },
  }
}

const logitClient: GemmClient<LogitProblem> = {
  name: 'contrastiveLogits',
  shape: logitShape,
  key: ({ image, text, features, normalize, pairwise, transposed }) =>
    `${image}|${text}|${widthOf(features)}|${normalize}|${pairwise}|${transposed}`,
  source({ image, text, features, normalize, pairwise, transposed }) {
    const isWhole = widthOf(features) === 4
    const isWholeText = isWhole || transposed
    const inverse = (side: string) => (normalize ? `${side}Inverses[i]` : '1.0')
    return {
      // The stored types stand in the bindings; named here too, f16 brings its extension along to the second pass.
      types: { ImageType: image, TextType: text },
      constants: { A_INNER: true, B_INNER: !transposed },
      inputs: [
        { name: 'a', type: stored(image, isWhole) },
        { name: 'b', type: stored(text, isWholeText) },
        { name: 'factors', type: 'f32' },
        ...(normalize ? ['imageInverses', 'textInverses'].map((name) => ({ name, type: 'f32' })) : []),
      ],
      outputs: [{ name: 'logits', type: 'vec4f' }],
      shared,
      readers: [reader('A', isWhole), reader('B', isWholeText)].join('\n'),
      store: [
        `fn imageInverse(i: u32) -> f32 { return ${inverse('image')}; }`,
        `fn textInverse(i: u32) -> f32 { return ${inverse('text')}; }`,
        `fn shift() -> f32 { return ${pairwise ? 'factors[1]' : '0.0'}; }`,
        storeLogitsWgsl,
      ].join('\n'),
    }
  },
  parameters(writer, problem) {
    const { features, transposed } = problem
    writer
      .u32(features)
      .u32(transposed ? strideOf(problem) : features)
      .u32(strideOf(problem))
  },
}

/**
 * Inputs images, texts (or their transpose), (scale) or (scale, shift), and, if they are normalised, their inverse lengths;
 * output a block of logits.
 */
export const logitKernel = defineGemm(logitClient, [small, ...skeletons])

function gradientShape({ rows, columns, features, of, dtype }: GradientProblem): GemmShape {
  const [m, k] = of === 'image' ? [rows, columns] : [columns, rows]
  return {
    m,
    n: features,
    k,
    batch: 1,
    a: { vectors: of === 'image' ? 'inner' : 'outer', dtype: 'f32', isStrided: true },
    b: { vectors: 'outer', dtype: dtype as FloatType, isStrided: widthOf(features) === 4 },
  }
}

const gradientClient: GemmClient<GradientProblem> = {
  name: 'contrastiveGradient',
  shape: gradientShape,
  key: ({ of, dtype, features, add }) => `${of}|${dtype}|${widthOf(features)}|${add}`,
  source({ of, dtype, features, add }) {
    const isWhole = widthOf(features) === 4
    return {
      types: { OtherType: dtype },
      constants: { A_INNER: of === 'image', B_INNER: false, ADD: add },
      inputs: [
        { name: 'a', type: 'vec4f' },
        { name: 'b', type: stored(dtype, isWhole) },
      ],
      outputs: [{ name: 'gradient', type: stored('f32', isWhole) }],
      shared,
      readers: [reader('A', true), reader('B', isWhole)].join('\n'),
      store: isWhole ? storeGradientWgsl : storeGradientRaggedWgsl,
    }
  },
  parameters: (writer, problem) => writer.u32(strideOf(problem)).u32(problem.features).u32(problem.features),
}

/** Inputs a block of logit-gradient.wgsl and embeddings; output rows of the other embeddings' gradient. */
export const gradientKernel = defineGemm(gradientClient, [
  small,
  // The block is f32, which subgroup matrices hardly speed up where they take it at all.
  ...skeletons.filter(({ family }) => family !== 'matrix'),
])
