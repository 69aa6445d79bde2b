import type { Tensor } from '../../../../src/engine/index.js'
import { concat, split, stack } from '../../../../src/kernels/join/index.js'
import { expand, flip, permute, slice, tile } from '../../../../src/kernels/layout/index.js'
import type { OpAdapters } from './adapter.js'

/** Inputs named a, b, c, ... */
const inOrder = (x: Readonly<Record<string, Tensor>>): Tensor[] =>
  Object.keys(x)
    .sort()
    .map((name) => x[name]!)

export const layoutAdapters: OpAdapters = {
  permute: ({ x, params }) => ({ y: permute(x.x!, params.axes) }),
  expand: ({ x, params }) => ({ y: expand(x.x!, params.shape) }),
  slice: ({ x, params }) => ({ y: slice(x.x!, params.slices) }),
  flip: ({ x, params }) => ({ y: flip(x.x!, params.axes) }),
  tile: ({ x, params }) => ({ y: tile(x.x!, params.repeats) }),
  concat: ({ x, params }) => ({ y: concat(inOrder(x), params.axis) }),
  stack: ({ x, params }) => ({ y: stack(inOrder(x), params.axis) }),
  split: ({ x, params }) => Object.fromEntries(split(x.x!, params.sizes, params.axis).map((y, i) => [`y${i}`, y])),
}
