import type { DicomFrame } from './instance.js'
import { type AcceptableDicomIssue, DicomIssueError } from './issues.js'

/** Frames of one series with one orientation, size and spacing: what can be one volume. */
export interface DicomSeries {
  /** The SeriesInstanceUID, with '#2', '#3', ... where one series falls into several volumes. */
  key: string
  frames: DicomFrame[]
}

const SECONDARY_CAPTURE = '1.2.840.10008.5.1.4.1.1.7'

/** Decimals to which directions and spacings of one volume agree. */
const DIGITS = 3

/** Frames in the order of files, split into what can be a volume each. */
export function splitSeries(frames: readonly DicomFrame[]): DicomSeries[] {
  const groups = new Map<string, Map<string, DicomFrame[]>>()
  for (const frame of frames) {
    const { instance, orientation, spacingMm } = frame
    const rounded = (values: readonly number[]) => values.map((value) => (value + 0).toFixed(DIGITS)).join()
    const { seriesUid, transferSyntax, rows, columns, samplesPerPixel, bitsAllocated, signed } = instance
    const grid = [
      ...[transferSyntax, rows, columns, samplesPerPixel, bitsAllocated, signed, leftOut(frame)],
      ...[rounded(orientation?.flat() ?? []), rounded(spacingMm ?? [])],
    ].join('|')
    const series = groups.get(seriesUid) ?? new Map<string, DicomFrame[]>()
    groups.set(seriesUid, series)
    const members = series.get(grid) ?? []
    series.set(grid, members)
    members.push(frame)
  }
  return [...groups].flatMap(([uid, grids]) =>
    [...grids.values()].map((members, n) => ({ key: n === 0 ? uid : `${uid}#${n + 1}`, frames: members })),
  )
}

/**
 * The one series to read: the only one, or that of `wanted` (a key, or a SeriesInstanceUID). Scout views and
 * screenshots stay away if `accept` says so. Throws a DicomIssueError that lists them all when the choice is not clear.
 */
export function chooseSeries(
  all: readonly DicomSeries[],
  wanted: string | undefined,
  accept: ReadonlySet<AcceptableDicomIssue>,
  path: string,
): { series: DicomSeries; accepted: AcceptableDicomIssue[] } {
  const named = all.filter(({ key }) => wanted === undefined || key === wanted || key.startsWith(`${wanted}#`))
  const exact = named.filter(({ key }) => key === wanted)
  const candidates = exact.length === 1 && named.length > 1 && wanted!.includes('#') ? exact : named
  if (candidates.length === 0) {
    throw new DicomIssueError('no-images', wanted === undefined ? 'no DICOM image is there' : `no series ${wanted}`, {
      path,
      ...(all.length === 0 ? {} : { remedy: `There are: ${all.map(describe).join('; ')}` }),
    })
  }
  const issueOf = ({ frames }: DicomSeries) => leftOut(frames[0]!)
  const volumes = candidates.filter((series) => {
    const issue = issueOf(series)
    return issue === undefined || !accept.has(issue)
  })
  const accepted = [
    ...new Set(candidates.filter((series) => !volumes.includes(series)).map((series) => issueOf(series)!)),
  ]
  if (volumes.length > 1) {
    throw new DicomIssueError('several-series', `${volumes.length} series or parts of a series are there`, {
      path,
      remedy: `Choose one with the option series (--series): ${volumes.map(describe).join('; ')}`,
    })
  }
  const series = volumes[0] ?? candidates[0]!
  const issue = issueOf(series)
  if (issue !== undefined) {
    const what = issue === 'localizer' ? 'scout views' : 'screenshots'
    throw new DicomIssueError(issue, `the series ${series.key} holds ${what}, not slices of a volume`, {
      path,
      remedy: 'Choose another series',
    })
  }
  return { series, accepted }
}

/** Why a frame is no slice of a volume. */
function leftOut({ instance }: DicomFrame): 'localizer' | 'secondary-capture' | undefined {
  if (instance.sopClass === SECONDARY_CAPTURE || instance.sopClass.startsWith(`${SECONDARY_CAPTURE}.`)) {
    return 'secondary-capture'
  }
  return instance.imageType.some((value) => value.trim().toUpperCase() === 'LOCALIZER') ? 'localizer' : undefined
}

function describe({ key, frames }: DicomSeries): string {
  const { modality, rows, columns, description } = frames[0]!.instance
  const kind = leftOut(frames[0]!)
  const name = description === '' ? '' : ` '${description}'`
  return `${key}${name} (${modality}, ${frames.length} of ${columns} x ${rows}${kind === undefined ? '' : `, ${kind}`})`
}
