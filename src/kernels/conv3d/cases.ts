import type { CaseInput, OpCase } from '../../engine/op.js'
import type { Shape } from '../../engine/shape.js'
import type { ConvolutionOptions, TransposeOptions, Triple } from './geometry.js'

const zero: Triple = [0, 0, 0]
const one: Triple = [1, 1, 1]

type Conv3dCase = OpCase<ConvolutionOptions>
type TransposeCase = OpCase<TransposeOptions>

const inputsOf = (...shapes: readonly Shape[]): CaseInput[] => shapes.map((shape) => ({ shape }))

function conv(name: string, shapes: readonly Shape[], options: Partial<ConvolutionOptions> = {}): Conv3dCase {
  const defaults = { stride: one, paddingBefore: zero, paddingAfter: zero, dilation: one, groups: 1 }
  return { name, inputs: inputsOf(...shapes), options: { ...defaults, ...options } }
}

const padded = (padding: Triple) => ({ paddingBefore: padding, paddingAfter: padding })

export const conv3dCases: readonly Conv3dCase[] = [
  conv('one voxel', [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1]]),
  conv('whole vectors', [[1, 3, 2, 5, 4], [8, 3, 3, 3, 4], [8]], padded(one)),
  conv('odd channels', [[2, 2, 3, 4, 3], [5, 2, 2, 2, 3], [5]], { ...padded(one), paddingAfter: zero }),
  conv(
    'strides',
    [
      [1, 5, 4, 7, 2],
      [3, 3, 1, 2, 2],
    ],
    { stride: [2, 1, 3], ...padded([1, 0, 2]) },
  ),
  conv('dilation', [[1, 4, 5, 6, 1], [2, 2, 3, 2, 1], [2]], { dilation: [2, 1, 3], ...padded([0, 1, 2]) }),
  conv(
    'strided and dilated',
    [
      [1, 6, 5, 9, 4],
      [4, 2, 2, 3, 4],
    ],
    { stride: [2, 2, 2], dilation: [3, 1, 2], ...padded(one) },
  ),
  conv('groups', [[1, 3, 3, 3, 6], [4, 2, 2, 3, 3], [4]], { groups: 2, ...padded([1, 0, 1]) }),
  conv('groups of whole vectors', [[1, 2, 2, 3, 8], [8, 1, 2, 2, 4], [8]], { groups: 2 }),
  conv('depthwise', [[1, 3, 2, 4, 5], [5, 3, 1, 3, 1], [5]], { groups: 5, stride: [1, 1, 2], ...padded(one) }),
  conv('many channels', [[1, 1, 2, 3, 4], [68, 1, 1, 2, 4], [68]]),
  conv('long lines', [[1, 1, 2, 21, 1], [1, 1, 2, 3, 1], [1]], padded([0, 0, 1])),
  conv(
    'window wider than the volume',
    [
      [1, 1, 2, 2, 4],
      [4, 3, 5, 7, 4],
    ],
    padded([1, 2, 3]),
  ),
  conv(
    'many taps in parts',
    [
      [2, 4, 5, 3, 1],
      [18, 3, 3, 3, 1],
    ],
    padded(one),
  ),
  conv('many channels in parts', [[1, 1, 1, 3, 256], [2, 1, 1, 2, 256], [2]]),
  conv('many windows in parts', [
    [1, 4, 9, 16, 1],
    [2, 1, 1, 2, 1],
  ]),
  ...(['relu', 'leaky-relu', 'gelu', 'silu'] as const).map((name) =>
    conv(`then ${name}`, [[1, 2, 3, 3, 4], [3, 2, 2, 2, 4], [3]], { activation: { name, slope: 0.2 } }),
  ),
  conv('then a leaky-relu that turns the sign', [[1, 2, 2, 3, 1], [2, 1, 2, 2, 1], [2]], {
    activation: { name: 'leaky-relu', slope: -0.5 },
  }),
  conv('patches of one channel', [[2, 4, 2, 6, 1], [5, 2, 1, 3, 1], [5]], { stride: [2, 1, 3] }),
  conv('patches in whole vectors', [[1, 2, 4, 4, 2], [3, 2, 2, 2, 2], [3]], { stride: [2, 2, 2] }),
  conv(
    'patches and a rest',
    [
      [1, 3, 4, 5, 1],
      [2, 2, 2, 2, 1],
    ],
    { stride: [2, 2, 2] },
  ),
  conv('pointwise', [
    [1, 2, 3, 2, 4],
    [8, 1, 1, 1, 4],
  ]),
  {
    ...conv('Primus-M patches, 192³', [[1, 192, 192, 192, 1], [864, 8, 8, 8, 1], [864]], { stride: [8, 8, 8] }),
    bench: true,
  },
  {
    ...conv('fVLM patches, 112 × 256 × 352', [[1, 112, 256, 352, 1], [768, 16, 16, 32, 1], [768]], {
      stride: [16, 16, 32],
    }),
    bench: true,
  },
  { ...conv('VELVET patches, 96³', [[1, 96, 96, 96, 1], [48, 2, 2, 2, 1], [48]], { stride: [2, 2, 2] }), bench: true },
  { ...conv('projector, 24³', [[1, 24, 24, 24, 864], [768, 1, 1, 1, 864], [768]]), bench: true },
  {
    ...conv('depthwise, 48³', [[1, 48, 48, 48, 96], [96, 3, 3, 3, 1], [96]], { groups: 96, ...padded(one) }),
    bench: true,
  },
  { ...conv('first layer, 96³', [[1, 96, 96, 96, 1], [48, 3, 3, 3, 1], [48]], padded(one)), bench: true },
  { ...conv('32 channels, 32³', [[1, 32, 32, 32, 32], [32, 3, 3, 3, 32], [32]], padded(one)), bench: true },
  { ...conv('192 channels, 12³', [[2, 12, 12, 12, 192], [192, 3, 3, 3, 192], [192]], padded(one)), bench: true },
  {
    ...conv(
      'downsampling',
      [
        [1, 64, 64, 64, 32],
        [64, 3, 3, 3, 32],
      ],
      { stride: [2, 2, 2], ...padded(one) },
    ),
    bench: true,
  },
]

function transposed(name: string, shapes: readonly Shape[], options: Partial<TransposeOptions> = {}): TransposeCase {
  const defaults = { stride: one, padding: zero, outputPadding: zero, dilation: one, groups: 1 }
  return { name, inputs: inputsOf(...shapes), options: { ...defaults, ...options } }
}

export const convTranspose3dCases: readonly TransposeCase[] = [
  transposed('one voxel', [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1]]),
  transposed('whole vectors', [[1, 2, 2, 3, 4], [4, 2, 2, 2, 8], [8]], { stride: [2, 2, 2] }),
  transposed('overlapping windows', [[2, 2, 3, 2, 3], [3, 3, 3, 3, 5], [5]], {
    stride: [2, 2, 2],
    padding: one,
    outputPadding: [1, 0, 1],
  }),
  transposed(
    'gaps and dilation',
    [
      [1, 2, 3, 2, 2],
      [2, 2, 1, 3, 1],
    ],
    {
      stride: [3, 2, 1],
      dilation: [1, 2, 2],
      padding: [0, 0, 1],
      outputPadding: [2, 1, 0],
    },
  ),
  transposed('patches of three channels', [[2, 2, 1, 3, 3], [3, 1, 2, 3, 5], [5]], { stride: [1, 2, 3] }),
  transposed('patches with lines of whole vectors', [[1, 2, 2, 2, 4], [4, 2, 2, 2, 2], [2]], { stride: [2, 2, 2] }),
  transposed('groups', [[1, 2, 2, 3, 4], [4, 2, 2, 2, 3], [6]], { groups: 2, stride: [1, 2, 2], padding: [1, 0, 1] }),
  {
    ...transposed('first stage of a patch decoder', [[1, 24, 24, 24, 864], [864, 2, 2, 2, 112], [112]], {
      stride: [2, 2, 2],
    }),
    bench: true,
  },
  {
    ...transposed(
      'VELVET decoder, 48³',
      [
        [1, 48, 48, 48, 48],
        [48, 2, 2, 2, 48],
      ],
      { stride: [2, 2, 2] },
    ),
    bench: true,
  },
  {
    ...transposed(
      'upsampling',
      [
        [1, 32, 32, 32, 64],
        [64, 3, 3, 3, 32],
      ],
      {
        stride: [2, 2, 2],
        padding: one,
        outputPadding: one,
      },
    ),
    bench: true,
  },
]
