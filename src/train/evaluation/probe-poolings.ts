/** The five ways in which a linear probe pools frozen tokens (reference §6.1). */
import type { Tensor } from '../../engine/index.js'
import { scope } from '../../engine/index.js'
import { mul } from '../../kernels/elementwise/index.js'
import { expand, reshape } from '../../kernels/layout/index.js'
import { matmul } from '../../kernels/matmul/index.js'
import { max, mean } from '../../kernels/reduce/index.js'
import { softmax } from '../../kernels/softmax/index.js'

export const probePoolings = ['average', 'max', 'learned-query', 'average-query', 'four-learned-queries'] as const

export type ProbePooling = (typeof probePoolings)[number]

/** Learned queries of each pooling. */
export const queryCounts: Readonly<Record<ProbePooling, number>> = {
  average: 0,
  max: 0,
  'learned-query': 1,
  'average-query': 0,
  'four-learned-queries': 4,
}

/**
 * Tokens `[N, T, C]` to `[N, C]`. Attention is scaled dot-product with one head and without projections; the results of
 * several queries `[Q, C]` are averaged.
 */
export function poolTokens(tokens: Tensor, pooling: ProbePooling, queries?: Tensor): Tensor {
  return scope(() => {
    switch (pooling) {
      case 'average':
        return mean(tokens, { axes: 1 })
      case 'max':
        return max(tokens, { axes: 1 })
      case 'average-query':
        return attend(mean(tokens, { axes: 1, keepDims: true }), tokens)
      default:
        return attend(sameForAll(queries!, tokens.shape[0]!), tokens)
    }
  })
}

/** Queries `[N, Q, C]` over tokens `[N, T, C]`, averaged over the queries. */
function attend(queries: Tensor, tokens: Tensor): Tensor {
  const scale = 1 / Math.sqrt(tokens.shape[2]!)
  const weights = softmax(mul(matmul(queries, tokens, { transposeB: true }), scale), { axis: -1 })
  return mean(matmul(weights, tokens), { axes: 1 })
}

function sameForAll(queries: Tensor, samples: number): Tensor {
  const [count, features] = queries.shape as [number, number]
  return expand(reshape(queries, [1, count, features]), [samples, count, features])
}
