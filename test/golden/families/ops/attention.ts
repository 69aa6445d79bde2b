import type { Tensor } from '../../../../src/engine/index.js'
import { attention, multiheadAttention } from '../../../../src/kernels/attention/index.js'
import { add } from '../../../../src/kernels/elementwise/index.js'
import { permute, reshape } from '../../../../src/kernels/layout/index.js'
import { rope3d, ropeTable3d } from '../../../../src/kernels/rope3d/index.js'
import type { OpAdapters, OpInputs } from './adapter.js'

/** `[B, H, T, hd]` to `[B, T, H, hd]`, and back. */
const swapHeads = (x: Tensor): Tensor => permute(x, [0, 2, 1, 3])

/** A bias as it is, or the relative position bias of heads plus the shift mask of windows. */
function biasOf({ bias, rel_bias: relative, shift_mask: shift }: OpInputs['x']): Tensor | undefined {
  if (!relative) return bias
  if (!shift) return relative
  const [windows, queries, keys] = shift.shape as [number, number, number]
  return add(reshape(shift, [windows, 1, queries, keys]), relative)
}

export const attentionAdapters: OpAdapters = {
  sdpa: ({ x, params: { scale, causal } }) => ({
    y: swapHeads(
      attention(swapHeads(x.q!), swapHeads(x.k!), swapHeads(x.v!), {
        scale: scale ?? undefined,
        causal,
        keyPaddingMask: x.key_padding_mask,
        bias: biasOf(x),
      }),
    ),
  }),
  multihead_attention: ({ x, params: { heads } }) => ({
    y: multiheadAttention(x.query!, x.key_value!, {
      inProjWeight: x.in_proj_weight!,
      inProjBias: x.in_proj_bias,
      outProjWeight: x['out_proj.weight']!,
      outProjBias: x['out_proj.bias'],
      heads,
      keyPaddingMask: x.key_padding_mask,
    }),
  }),
  rope3d: ({ device, x, params: { grid, head_dim: headDim, theta } }) => {
    const table = ropeTable3d(device, { grid, headDim, theta })
    return {
      table,
      q: swapHeads(rope3d(swapHeads(x.q!), table)),
      k: swapHeads(rope3d(swapHeads(x.k!), table)),
    }
  },
}
