import {
  findingFacts,
  groupedLabels,
  lungLobeLabels,
  type PhantomStudy,
  phantomFindings,
  phantomOrgans,
} from '../../src/data/index.js'

/** Parts of an organ that are at most this, in HU. */
const quantiles = [0, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 1]

/** For each finding, numbers about its organ: size, HU by quantile, and what readers compare it with. */
export function organFeatures({ volume, masks }: PhantomStudy): Record<string, number[]> {
  const byLabel = new Map<number, number[]>()
  for (let n = 0; n < masks.data.length; n++) {
    const label = masks.data[n]!
    if (label === 0) continue
    const values = byLabel.get(label)
    if (values) values.push(volume.data[n]!)
    else byLabel.set(label, [volume.data[n]!])
  }
  const valuesOf = (labels: readonly number[]): number[] =>
    labels.flatMap((label) => byLabel.get(label) ?? []).sort((a, b) => a - b)
  const quantile = (values: readonly number[], part: number): number =>
    values[Math.round(part * (values.length - 1))] ?? 0
  const mapping = groupedLabels(2)
  const lung = valuesOf(lungLobeLabels).length
  const spleen = quantile(valuesOf([phantomOrgans.spleen]), 0.5)
  const blood = quantile(valuesOf([phantomOrgans.inferiorVenaCava]), 0.5)
  return Object.fromEntries(
    phantomFindings.map((name) => {
      const values = valuesOf(mapping[findingFacts[name].anatomy]!)
      const own = quantiles.map((part) => quantile(values, part))
      const middle = quantile(values, 0.5)
      const share = (low: number, high: number) =>
        values.filter((value) => value >= low && value < high).length / Math.max(1, values.length)
      const shares = [share(-2000, -925), share(-700, -100), share(-100, 80), share(300, 4000)]
      const size = [values.length, values.length / Math.max(1, lung)]
      return [
        name,
        [...size, ...own, ...shares, middle - spleen, own[0]! - middle, own[10]! - middle, own[10]! - blood],
      ]
    }),
  )
}
