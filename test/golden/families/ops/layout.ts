import type { Tensor } from '../../../../src/engine/index.js'
import { embedding } from '../../../../src/kernels/embedding/index.js'
import { gather, indexSelect, maskedFill, scatter, scatterAdd } from '../../../../src/kernels/gather/index.js'
import { concat, split, stack } from '../../../../src/kernels/join/index.js'
import { expand, flip, permute, slice, tile } from '../../../../src/kernels/layout/index.js'
import { type Padding, pad } from '../../../../src/kernels/pad/index.js'
import { roll } from '../../../../src/kernels/roll/index.js'
import type { OpAdapters } from './adapter.js'

/** Inputs named a, b, c, ... */
const inOrder = (x: Readonly<Record<string, Tensor>>): Tensor[] =>
  Object.keys(x)
    .sort()
    .map((name) => x[name]!)

/** PyTorch lists pads from the last axis back, and leaves out leading axes that stay as they are. */
function padsOf(rank: number, pads: readonly number[]): Padding[] {
  return Array.from({ length: rank }, (_, axis) => {
    const at = 2 * (rank - 1 - axis)
    return [pads[at] ?? 0, pads[at + 1] ?? 0]
  })
}

export const layoutAdapters: OpAdapters = {
  permute: ({ x, params }) => ({ y: permute(x.x!, params.axes) }),
  expand: ({ x, params }) => ({ y: expand(x.x!, params.shape) }),
  slice: ({ x, params }) => ({ y: slice(x.x!, params.slices) }),
  flip: ({ x, params }) => ({ y: flip(x.x!, params.axes) }),
  tile: ({ x, params }) => ({ y: tile(x.x!, params.repeats) }),
  concat: ({ x, params }) => ({ y: concat(inOrder(x), params.axis) }),
  stack: ({ x, params }) => ({ y: stack(inOrder(x), params.axis) }),
  split: ({ x, params }) => Object.fromEntries(split(x.x!, params.sizes, params.axis).map((y, i) => [`y${i}`, y])),
  pad: ({ x, params }) => ({
    y: pad(x.x!, padsOf(x.x!.shape.length, params.pads), { mode: params.mode, value: params.value }),
  }),
  roll: ({ x, params }) => ({ y: roll(x.x!, params.shifts, params.axes) }),
  gather: ({ x, params }) => ({ y: gather(x.x!, x.index!, { axis: params.axis }) }),
  scatter: ({ x, params }) => ({ y: scatter(x.x!, x.index!, x.src!, { axis: params.axis }) }),
  scatter_add: ({ x, params }) => ({ y: scatterAdd(x.x!, x.index!, x.src!, { axis: params.axis }) }),
  index_select: ({ x, params }) => ({ y: indexSelect(x.x!, x.index!, { axis: params.axis }) }),
  masked_fill: ({ x, params }) => ({ y: maskedFill(x.x!, x.mask!, params.value) }),
  embedding: ({ x, params }) => ({ y: embedding(x.ids!, x.weight!, { paddingIdx: params.padding_idx }) }),
}
