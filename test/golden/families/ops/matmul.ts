import { linear, matmul } from '../../../../src/kernels/matmul/index.js'
import type { OpAdapters } from './adapter.js'

export const matmulAdapters: OpAdapters = {
  matmul: ({ x, params }) => ({ y: matmul(x.a!, x.b!, { transposeA: params.transA, transposeB: params.transB }) }),
  linear: ({ x, params }) => ({ y: linear(x.x!, x.weight!, { bias: params.bias ? x.bias! : undefined }) }),
}
