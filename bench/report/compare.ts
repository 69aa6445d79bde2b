/** Compares a run with a stored one: what changed beyond a threshold, and whether anything got worse. */
import { type Header, type Probe, type Row, type Run, rowKey } from '../schema.js'
import { duration, figure, percent } from './format.js'

export interface Change {
  readonly key: string
  readonly before: Row
  readonly after: Row
  /** New median over old; undefined where one side has no time. */
  readonly ratio: number | undefined
  readonly kind: 'slower' | 'faster' | 'broken' | 'repaired'
}

export interface Comparison {
  readonly compared: number
  readonly changes: readonly Change[]
  /** Ceilings of the machine itself that moved beyond the threshold. */
  readonly moved: readonly { readonly before: Probe; readonly after: Probe }[]
  /** Why nothing can be judged: another device, or another profile. */
  readonly incomparable: string | undefined
}

/** Whether a comparison should fail a build. */
export const hasRegressions = ({ changes }: Comparison): boolean =>
  changes.some(({ kind }) => kind === 'slower' || kind === 'broken')

export function compareRuns(before: Run, after: Run, threshold: number): Comparison {
  const incomparable = difference(before.header, after.header)
  if (incomparable) return { compared: 0, changes: [], moved: [], incomparable }
  const old = new Map(before.rows.map((row) => [rowKey(row), row]))
  const pairs = after.rows.flatMap((row) => {
    const earlier = old.get(rowKey(row))
    return earlier ? [{ before: earlier, after: row }] : []
  })
  const changes = pairs.flatMap((pair) => changeOf(pair.before, pair.after, threshold) ?? [])
  const moved = movedProbes(before.header.probes, after.header.probes, threshold)
  return { compared: pairs.length, changes, moved, incomparable: undefined }
}

function movedProbes(before: readonly Probe[], after: readonly Probe[], threshold: number): Comparison['moved'] {
  return after.flatMap((probe) => {
    const earlier = before.find(({ name }) => name === probe.name)
    if (!earlier?.value || !probe.value) return []
    const ratio = probe.value / earlier.value
    return Math.max(ratio, 1 / ratio) > 1 + threshold ? [{ before: earlier, after: probe }] : []
  })
}

/** Times of two devices or two profiles say nothing about a change of code. */
function difference(before: Header, after: Header): string | undefined {
  const device = ({ adapter, driver }: Header) => `${adapter.description || adapter.device} (${driver})`
  if (deviceId(before) !== deviceId(after)) {
    return `the stored run is of another device: ${device(before)}, this one is ${device(after)}`
  }
  if (before.profile !== after.profile) {
    return `the stored run has profile ${before.profile}, this one has ${after.profile}`
  }
  return undefined
}

/** The adapter without its driver, which may be updated: that is a change one wants to see. */
export function deviceId({ adapter, software, cpu }: Header): string {
  // A software adapter is as fast as the CPU below it.
  return [adapter.vendor, adapter.architecture, adapter.device, software ? cpu : ''].filter(Boolean).join(' ')
}

function changeOf(before: Row, after: Row, threshold: number): Change | undefined {
  const key = rowKey(after)
  const works = ({ status }: Row) => status === 'ok'
  if (works(before) && works(after)) {
    const ratio = after.medianMs! / before.medianMs!
    const kind = ratio > 1 ? 'slower' : 'faster'
    return beyond(before, after, ratio, threshold) ? { key, before, after, ratio, kind } : undefined
  }
  const bad = ({ status }: Row) => status === 'wrong' || status === 'failed'
  if (works(before) && bad(after)) return { key, before, after, ratio: undefined, kind: 'broken' }
  if (bad(before) && works(after)) return { key, before, after, ratio: undefined, kind: 'repaired' }
  return undefined
}

/**
 * Beyond the threshold in time and beside what the machine did at the time, since one that is slower as a whole says
 * nothing about the code; and beyond the noise: the middle three fifths of the samples do not overlap.
 */
function beyond(before: Row, after: Row, ratio: number, threshold: number): boolean {
  const relative = ratio / machineRatio(before, after)
  const slower = 1 + threshold
  if (ratio > slower && relative > slower) return after.p20Ms! > before.p80Ms!
  if (ratio < 1 / slower && relative < 1 / slower) return after.p80Ms! < before.p20Ms!
  return false
}

/** How much longer the machine took for unchanging work: beside the samples where that is known, else for the probes. */
function machineRatio(before: Row, after: Row): number {
  if (before.pace && after.pace && before.bound === after.bound) return before.pace / after.pace
  const { medianMs, fractionOfProbe } = after
  if (!before.fractionOfProbe || !fractionOfProbe) return 1
  return (fractionOfProbe * medianMs!) / (before.fractionOfProbe * before.medianMs!)
}

export function comparisonLines({ compared, changes, moved, incomparable }: Comparison, threshold: number): string[] {
  if (incomparable) return [`not compared: ${incomparable}`]
  const worst = [...changes].sort(
    (a, b) => (b.ratio ?? Number.POSITIVE_INFINITY) - (a.ratio ?? Number.POSITIVE_INFINITY),
  )
  return [...moved.map(movedLine), ...worst.map(changeLine), summary(changes, compared, threshold)]
}

const movedLine = ({ before, after }: Comparison['moved'][number]): string =>
  `machine ${after.name}: ${figure(before.value)} to ${figure(after.value)} ${after.unit}`

function changeLine({ key, before, after, ratio, kind }: Change): string {
  if (ratio === undefined)
    return `${kind.toUpperCase()} ${key}: was ${before.status}, is ${after.status} (${after.note})`
  const change = `${duration(before.medianMs)} to ${duration(after.medianMs)}`
  const variant = before.variant === after.variant ? '' : `, ${before.variant} to ${after.variant}`
  return `${kind} ${key}: ${change}, ${ratio > 1 ? '+' : ''}${percent(ratio - 1)}${variant}`
}

function summary(changes: readonly Change[], compared: number, threshold: number): string {
  const count = (kind: Change['kind']) => changes.filter((change) => change.kind === kind).length
  return (
    `${compared} rows compared at ${percent(threshold)}: ${count('slower')} slower, ${count('faster')} faster, ` +
    `${count('broken')} broken, ${count('repaired')} repaired`
  )
}
