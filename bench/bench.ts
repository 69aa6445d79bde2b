/** A whole run: probes, then every item of the plan, each told as it comes; at last, what seems slower once more. */
import { DeviceLostError } from '../src/engine/index.js'
import type { BenchArguments } from './arguments.js'
import type { FloatType } from './cost.js'
import { describeRun } from './environment.js'
import { loadAllPeers, type Peer } from './peer.js'
import { type Item, planItems, takeInventory } from './plan.js'
import { measureProbes } from './probes/measure.js'
import { compareRuns } from './report/compare.js'
import { failedRow } from './rows.js'
import { type Header, type Probe, type Row, type Run, rowKey } from './schema.js'
import { Session } from './session.js'

/** Hears of results as they come. */
export interface Listener {
  header(header: Header): void
  /** What is known of a peer before it runs. */
  peer(line: string): void
  probe(probe: Probe, index: number): void
  /** The header is complete, rows follow. */
  start(header: Header): void
  row(row: Row): void
  /** A row that seemed slower than before is measured again; this is what it is now. */
  again(row: Row): void
}

/** `before` is the run that this one will be compared with. */
export async function runBench(options: BenchArguments, before: Run | undefined, listener: Listener): Promise<Run> {
  const { filter, quick, profile, variants } = options
  const start = performance.now()
  let session = await Session.open({ profile, quick })
  const inventory = await takeInventory()
  const peers = options.peers ? await loadAllPeers() : []
  listener.header(describeRun(session, []))
  for (const peer of peers) {
    listener.peer('missing' in peer ? `${peer.name} is missing: ${peer.missing}` : peerTitle(peer))
  }
  let probeCount = 0
  const probes = await measureProbes(session, (probe) => listener.probe(probe, probeCount++))
  const header = describeRun(session, probes)
  listener.start(header)
  const { software, f16 } = session.device.capabilities
  const dtypes = options.dtypes.filter((dtype): dtype is FloatType => dtype === 'f32' || f16)
  const firstOfKernels = quick && !filter ? new Map<string, string>() : undefined
  let deadline = firstOfKernels && peers.length === 0 ? start + quickLimitMs : Number.POSITIVE_INFINITY
  // A lost device is replaced: the case that lost it is a row, and the rest of the run goes on.
  const measure = async (item: Item): Promise<readonly Row[]> => {
    if (performance.now() > deadline) return item.blank().map(leftOut)
    try {
      return await item.run({ session, probes, variants, peers, firstOfKernels })
    } catch (error) {
      if (!(error instanceof DeviceLostError)) throw error
      session = await Session.open({ profile, quick })
      return item.blank().map((row) => failedRow(row, error))
    }
  }
  const results: { readonly item: Item; rows: readonly Row[] }[] = []
  for (const item of planItems(inventory, { filter, quick, dtypes, software })) {
    const rows = await measure(item)
    results.push({ item, rows })
    rows.forEach(listener.row)
  }
  const run = (): Run => ({ header, rows: results.flatMap(({ rows }) => rows) })
  deadline += confirmationMs
  for (let attempt = 0; before && attempt < confirmations; attempt++) {
    const slower = slowerKeys(before, run(), options.threshold)
    for (const result of results) {
      if (performance.now() > deadline || !result.rows.some((row) => slower.has(rowKey(row)))) continue
      result.rows = fasterRows(result.rows, await measure(result.item))
      result.rows.filter((row) => slower.has(rowKey(row))).forEach(listener.again)
    }
  }
  session.close()
  return run()
}

/** `--quick` is a minute, on whatever machine, if there are no peers: what begins later is left out. */
const quickLimitMs = 52_000

const leftOut = (row: Row): Row => ({ ...row, status: 'skipped', note: 'the minute of --quick was over' })

/** How often a row that seems slower is measured again: other load on the machine passes, a regression stays. */
const confirmations = 3
/** What that may add to the minute of `--quick`. */
const confirmationMs = 30_000

function slowerKeys(before: Run, after: Run, threshold: number): ReadonlySet<string> {
  const { changes } = compareRuns(before, after, threshold)
  return new Set(changes.flatMap(({ key, kind }) => (kind === 'slower' ? [key] : [])))
}

/** Row by row the faster of two measurements. */
export function fasterRows(first: readonly Row[], second: readonly Row[]): Row[] {
  return first.map((row) => {
    const other = second.find((candidate) => rowKey(candidate) === rowKey(row))
    return other?.medianMs && row.medianMs && other.medianMs < row.medianMs ? other : row
  })
}

const peerTitle = ({ name, version, note }: Peer): string => `${name} ${version}: ${note}`
