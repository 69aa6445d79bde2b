/**
 * Shapes that the field compares engines by, beside those that operations bring in their own `cases`: GEMM squares,
 * attention by head size and length, the convolutions of ggml and burn-bench. Large ones run on GPUs only.
 */
import type { CaseInput, OpCase } from '../src/engine/op.js'
import type { AttentionOpOptions } from '../src/kernels/attention/problem.js'
import type { ConvolutionOptions } from '../src/kernels/conv3d/geometry.js'
import type { MatmulOptions } from '../src/kernels/matmul/index.js'

const floats = (...shapes: number[][]): CaseInput[] => shapes.map((shape) => ({ shape }))

function square(n: number): OpCase<unknown> {
  return { name: `square ${n}`, inputs: floats([n, n], [n, n]), options: {}, bench: true }
}

function product(name: string, ...shapes: number[][]): OpCase<MatmulOptions> {
  return { name, inputs: floats(...shapes), options: {}, bench: true }
}

function transposed(n: number, options: MatmulOptions): OpCase<MatmulOptions> {
  const operand = options.transposeA ? 'a' : 'b'
  return { name: `square ${n}, ${operand} transposed`, inputs: floats([n, n], [n, n]), options, bench: true }
}

function attention(batch: number, heads: number, tokens: number, headDim: number): OpCase<AttentionOpOptions> {
  const side = [batch, tokens, heads, headDim]
  return {
    name: `${heads} heads, ${tokens} × ${headDim}`,
    inputs: floats(side, side, side),
    options: { scale: 1 / Math.sqrt(headDim), causal: false, segmentPenalty: -100, extras: [] },
    bench: true,
  }
}

/** A 3x3x3 convolution that keeps the extents. */
function convolution(
  name: string,
  batch: number,
  extents: readonly number[],
  channels: readonly [number, number],
): OpCase<ConvolutionOptions> {
  const [inputs, outputs] = channels
  return {
    name,
    inputs: floats([batch, ...extents, inputs], [outputs, 3, 3, 3, inputs], [outputs]),
    options: {
      stride: [1, 1, 1],
      paddingBefore: [1, 1, 1],
      paddingAfter: [1, 1, 1],
      dilation: [1, 1, 1],
      groups: 1,
    },
    bench: true,
  }
}

/** The gradient of the input alone, and that of the weight alone; no forward pass is measured of these. */
function gradientsOf(test: OpCase<ConvolutionOptions>): OpCase<ConvolutionOptions>[] {
  return ['input', 'weight'].map((wanted, at) => ({
    ...test,
    name: `${test.name}, gradient of the ${wanted}`,
    inputs: test.inputs.map((input, i) => ({ ...input, differentiable: i === at })),
  }))
}

const convolutionGradients = [
  convolution('32 channels, 32³', 1, [32, 32, 32], [32, 32]),
  convolution('48 channels, 96³', 1, [96, 96, 96], [48, 48]),
  convolution('192 channels, 12³', 2, [12, 12, 12], [192, 192]),
].flatMap(gradientsOf)

const headSizes = [64, 96, 128]
const lengths = [256, 1024, 4096, 8192]

const layer = (rows: number, inputs: number, outputs: number): OpCase<unknown> => ({
  name: `${rows} × ${inputs} to ${outputs}`,
  inputs: floats([rows, inputs], [outputs, inputs], [outputs]),
  options: {},
  bench: true,
})

/** By operation. A case that an operation already has under the same name is not repeated. */
export const conventionalCases: Readonly<Record<string, readonly OpCase<unknown>[]>> = {
  matmul: [
    ...[2048, 4096, 8192].map(square),
    transposed(512, { transposeA: true }),
    transposed(512, { transposeB: true }),
    product('12 heads, 512 × 64 by 64 × 512', [12, 512, 64], [12, 64, 512]),
    product('one row, 4096 × 4096', [1, 4096], [4096, 4096]),
    product('16 rows, 4096 × 4096', [16, 4096], [4096, 4096]),
    product('16 columns, 4096 × 4096', [4096, 4096], [4096, 16]),
    product('few results, 64 × 65536 × 64', [64, 65536], [65536, 64]),
  ],
  linear: [
    layer(256, 768, 768),
    layer(4096, 768, 3072),
    // COLIPRI's image encoder: projections, SwiGLU up and down.
    layer(13824, 864, 864),
    layer(13824, 864, 2304),
    layer(13824, 2304, 864),
    layer(512, 2304, 864),
    // fVLM's vision tower: queries, keys and values at once, feed-forward.
    layer(1232, 768, 2304),
    layer(1232, 768, 3072),
    // VELVET-Med's first Swin stage: many tokens, few channels.
    layer(27648, 48, 192),
    // BERT's feed-forward at 128 tokens.
    layer(128, 768, 3072),
    layer(128, 3072, 768),
  ],
  attention: [
    attention(1, 4, 256, 64),
    attention(1, 4, 1024, 64),
    ...headSizes.flatMap((headDim) => lengths.map((tokens) => attention(1, 16, tokens, headDim))),
  ],
  conv3d: [
    convolution('16 channels, 16³', 1, [16, 16, 16], [16, 16]),
    convolution('ggml 320 channels, 8 × 38 × 26', 1, [8, 38, 26], [320, 320]),
    convolution('ggml 1280 channels, 8 × 38 × 26', 1, [8, 38, 26], [1280, 1280]),
    convolution('burn 16 × 16 channels, 16 × 128²', 16, [16, 128, 128], [16, 16]),
    convolution('64 channels, 96³', 1, [96, 96, 96], [64, 64]),
    convolution('48 channels, 96³', 1, [96, 96, 96], [48, 48]),
    convolution('two channels, 64³', 1, [64, 64, 64], [2, 32]),
    convolution('96 to 48 channels, 48³', 1, [48, 48, 48], [96, 48]),
    convolution('768 channels, 6³', 1, [6, 6, 6], [768, 768]),
    ...convolutionGradients,
  ],
}

/** Cases of one gradient alone: nothing is measured forward, and backward is as much work as forward would be. */
export const gradientCases: ReadonlySet<string> = new Set(convolutionGradients.map(({ name }) => `conv3d/${name}`))

/** Cases that `--quick` runs beside the cheapest one of each operation: sizes that peers publish figures for. */
export const quickCases: ReadonlySet<string> = new Set([
  'matmul/square 512',
  'attention/4 heads, 256 × 64',
  'conv3d/16 channels, 16³',
])

/**
 * The elementwise table has dozens of rows whose only bench case is `bandwidth`: one kernel over the same array. Of these,
 * `--quick` measures two operands, one operand, the costliest expression, and those with a kernel of their own.
 */
export const quickElementwise: ReadonlySet<string> = new Set(['add', 'exp', 'gelu', 'dropout', 'maskedFill'])
