import type { ProbeData } from './linear-probe.js'

/**
 * The same data, whose tokens stay in memory once they were read, as far as `maxBytes` reach for all of `data` together.
 * A step takes studies at random: what is kept first is as good as what came last, so nothing is ever dropped for other
 * studies.
 */
export function withTokenCache(data: readonly ProbeData[], maxBytes: number): ProbeData[] {
  let left = maxBytes
  return data.map((one) => {
    const kept = new Map<number, Float32Array>()
    return {
      ...one,
      tokens: async (study) => {
        const there = kept.get(study)
        if (there !== undefined) return there
        const values = await one.tokens(study)
        if (values.byteLength <= left && !kept.has(study)) {
          left -= values.byteLength
          kept.set(study, values)
        }
        return values
      },
    }
  })
}
