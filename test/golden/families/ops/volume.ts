import type { Tensor } from '../../../../src/engine/index.js'
import { conv3d, convTranspose3d } from '../../../../src/kernels/conv3d/index.js'
import { permute } from '../../../../src/kernels/layout/index.js'
import type { OpAdapters } from './adapter.js'

/** `[N, C, D, H, W]` to `[N, D, H, W, C]`; weights `[Cout, Cin, ...]` likewise. */
const channelsLast = (x: Tensor): Tensor => permute(x, [0, 2, 3, 4, 1])
const channelsFirst = (x: Tensor): Tensor => permute(x, [0, 4, 1, 2, 3])

export const volumeAdapters: OpAdapters = {
  conv3d: ({ x, params: { stride, padding, dilation, groups } }) => ({
    y: channelsFirst(
      conv3d(channelsLast(x.x!), channelsLast(x.weight!), { bias: x.bias, stride, padding, dilation, groups }),
    ),
  }),
  conv_transpose3d: ({ x, params: { stride, padding, output_padding: outputPadding, dilation, groups } }) => ({
    y: channelsFirst(
      convTranspose3d(channelsLast(x.x!), channelsLast(x.weight!), {
        bias: x.bias,
        stride,
        padding,
        outputPadding,
        dilation,
        groups,
      }),
    ),
  }),
}
