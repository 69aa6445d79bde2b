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

/**
 * How ball-like the dense things in the lungs are: the most voxels of an ellipsoid's part of a box that a connected thing of a
 * nodule's size fills. Vessels fill little of theirs, or are small.
 */
function roundness({ volume, masks }: PhantomStudy): number[] {
  const [width, height] = masks.shape
  const steps = [1, width, width * height]
  const lungs = new Uint8Array(256)
  for (const label of lungLobeLabels) lungs[label] = 1
  const open = Uint8Array.from(masks.data, (label, n) => (lungs[label] === 1 && volume.data[n]! > -420 ? 1 : 0))
  const found: number[] = []
  for (let start = 0; start < open.length; start++) {
    if (open[start] === 0) continue
    const thing = [start]
    open[start] = 0
    for (let at = 0; at < thing.length; at++) {
      for (const step of steps.flatMap((one) => [one, -one])) {
        const next = thing[at]! + step
        if (open[next] !== 1) continue
        open[next] = 0
        thing.push(next)
      }
    }
    const extents = [
      (n: number) => n % width,
      (n: number) => Math.floor(n / width) % height,
      (n: number) => Math.floor(n / (width * height)),
    ]
      .map((axis) => thing.map(axis))
      .map((places) => Math.max(...places) - Math.min(...places) + 1)
    const [least, most] = [Math.min(...extents), Math.max(...extents)]
    if (least < 2 || most > 7) continue
    found.push(thing.length * (least / most))
  }
  found.sort((a, b) => b - a)
  return [found[0] ?? 0, found[1] ?? 0, Math.log(1 + (found[0] ?? 0))]
}

/** For each finding, numbers about its organ: size, HU by quantile, and what readers compare it with. */
export function organFeatures(study: PhantomStudy): Record<string, number[]> {
  const { volume, masks } = study
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
      const differences = [middle - spleen, own[0]! - middle, own[10]! - middle, own[10]! - blood]
      const shape = name === 'Lung nodule' ? roundness(study) : []
      return [name, [...size, ...own, ...shares, ...differences, ...shape]]
    }),
  )
}
