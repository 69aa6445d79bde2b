/**
 * Measures peers beside ours: both by the wall clock, both from the start of the first of k executions to the end of the
 * last, recording included, in alternation. A peer in a process of its own gives device times; they are held against ours.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Device } from '../src/engine/index.js'
import type { Direction } from './cases.js'
import type { PreparedModel } from './model.js'
import {
  type MissingPeer,
  type Peer,
  type PeerCase,
  type PeerModel,
  type PreparedPeer,
  peerKind,
  type Unsupported,
} from './peer.js'
import type { Pass, Problem } from './problem.js'
import { joinNotes } from './rows.js'
import type { PeerResult } from './schema.js'
import type { Session } from './session.js'
import { median } from './statistics.js'
import { roundTo, uniform } from './values.js'

/** A peer's result may differ from ours by this much of the largest value: it has tolerances of its own. */
const agreement = { f32: 1e-3, f16: 2e-2 }
const mostRepeats = 200
/** A peer that needs longer than this for its samples gets fewer of them. */
const patienceMs = 10_000
const longestSampleMs = 300
/** Of the expected time of a sample, slept through before anybody waits: Dawn polls, and takes a core from the work. */
const sleptShare = 0.9
/** Between samples: the threads of CPU libraries spin for a while after their work, on the cores of the other side. */
const pauseMs = 10

/** One result per peer; none for operations that peers do not know. `deviceMs` is what ours takes by the device's clock. */
export async function measurePeers(
  session: Session,
  problem: Problem,
  direction: Direction,
  pass: Pass,
  peers: readonly (Peer | MissingPeer)[],
  deviceMs: number | null,
): Promise<PeerResult[]> {
  const peerCase = await peerCaseOf(problem, direction)
  if (!peerCase) return []
  const ours = await ourOutput(problem, direction, peerCase)
  const results: PeerResult[] = []
  for (const peer of peers) {
    results.push(
      'missing' in peer
        ? declined(peer.name, '', peer.missing)
        : await compare(session, pass, peer, {
            prepare: () => peer.prepare(peerCase),
            dtype: peerCase.dtype,
            ours,
            deviceMs,
          }),
    )
  }
  return results
}

/** The same for a whole model; peers that have none are left out. */
export async function measureModelPeers(
  session: Session,
  { run, forPeers }: PreparedModel,
  peers: readonly (Peer | MissingPeer)[],
  deviceMs: number | null,
): Promise<PeerResult[]> {
  const able = peers.flatMap((peer) => ('prepareModel' in peer ? peer : []))
  if (able.length === 0 || !forPeers) return []
  const { problem, ours } = await forPeers()
  const results: PeerResult[] = []
  for (const peer of able) {
    const prepare = () => peer.prepareModel!(problem)
    results.push(await compare(session, { run }, peer, { prepare, dtype: problem.dtype, ours, deviceMs }))
  }
  return results
}

const declined = (name: string, version: string, note: string): PeerResult => ({
  name,
  version,
  medianMs: null,
  oursMs: null,
  ratio: null,
  note,
})

async function peerCaseOf(problem: Problem, direction: Direction): Promise<PeerCase | undefined> {
  const { op, test, dtype } = problem.case
  const options = { ...(test.options as Record<string, unknown>) }
  const kind = peerKind(op.name, options)
  if (!kind) return undefined
  const inputs = problem.inputs.map(({ shape, values }) => ({ shape: [...shape], data: values }))
  if (direction === 'backward') {
    const { shape } = op.shape(problem.tensors, test.options)[0]!
    const size = shape.reduce((product, extent) => product * extent, 1)
    inputs.push({ shape: [...shape], data: roundTo(dtype, uniform(size, 7)) })
  }
  return { kind, dtype, direction, inputs, options }
}

/** Our result of the same problem: the output, or the gradient of the first input. */
async function ourOutput(problem: Problem, direction: Direction, { inputs }: PeerCase): Promise<ArrayLike<number>> {
  const results = direction === 'forward' ? problem.outputs() : problem.firstGradients(inputs.at(-1)!.data)
  const values = await results[0]!.data()
  for (const result of results) result.dispose()
  return values
}

interface Comparison {
  readonly prepare: () => Promise<PreparedPeer | Unsupported>
  readonly dtype: PeerModel['dtype']
  readonly ours: ArrayLike<number>
  readonly deviceMs: number | null
}

async function compare(
  session: Session,
  pass: Pick<Pass, 'run'>,
  peer: Peer,
  { prepare, dtype, ours, deviceMs }: Comparison,
): Promise<PeerResult> {
  const { name, version } = peer
  let prepared: PreparedPeer | undefined
  try {
    const offer = await prepare()
    if ('unsupported' in offer) return declined(name, version, offer.unsupported)
    prepared = offer
    const difference = relativeDifference(await prepared.output(), ours)
    const agrees = difference <= agreement[dtype]
    const verdict = agrees ? '' : `its result differs from ours by ${difference.toExponential(1)}`
    const { theirMs, ourMs, how } =
      prepared.measured && deviceMs
        ? { theirMs: prepared.measured.medianMs, ourMs: deviceMs, how: 'device times' }
        : await alternate(session, pass, prepared)
    const note = joinNotes(verdict, how, prepared.note ?? '', peer.note)
    // A ratio against a wrong result would count as a win.
    return { name, version, medianMs: theirMs, oursMs: ourMs, ratio: agrees ? theirMs / ourMs : null, note }
  } catch (error) {
    return declined(name, version, `failed: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`)
  } finally {
    prepared?.dispose()
  }
}

/** Largest difference over the largest value; infinite for NaN and for another number of elements. */
export function relativeDifference(theirs: ArrayLike<number>, ours: ArrayLike<number>): number {
  if (theirs.length !== ours.length) return Number.POSITIVE_INFINITY
  let worst = 0
  let magnitude = 0
  for (let i = 0; i < ours.length; i++) {
    const difference = Math.abs(theirs[i]! - ours[i]!)
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY
    worst = Math.max(worst, difference)
    magnitude = Math.max(magnitude, Math.abs(ours[i]!))
  }
  return worst === 0 ? 0 : worst / (magnitude || 1)
}

async function alternate({ device, settings }: Session, pass: Pick<Pass, 'run'>, peer: PreparedPeer) {
  const start = performance.now()
  // Compilation and any tuning of the peer happen in the first executions.
  await oursOnce(device, pass, 1)
  await theirsOnce(peer, 2)
  const estimates = [await oursOnce(device, pass, 1), await theirsOnce(peer, 1)]
  const repeats = repeatsOf(estimates, (1000 * settings.minSeconds) / settings.minSamples)
  const [ourExpected, theirExpected] = [await oursOnce(device, pass, repeats), await theirsOnce(peer, repeats)]
  const mine: number[] = []
  const theirs: number[] = []
  while (mine.length < settings.minSamples) {
    await sleep(pauseMs)
    mine.push(await oursOnce(device, pass, repeats, Math.min(ourExpected, ...mine)))
    await sleep(pauseMs)
    theirs.push(await theirsOnce(peer, repeats, Math.min(theirExpected, ...theirs)))
    if (mine.length >= 3 && performance.now() - start > patienceMs) break
  }
  return { ourMs: median(mine) / repeats, theirMs: median(theirs) / repeats, how: `${repeats} at a time` }
}

/** As many executions as make the faster side's sample long enough, and the slower side's not too long. */
export function repeatsOf(estimatesMs: readonly number[], wantedMs: number): number {
  const wanted = wantedMs / Math.min(...estimatesMs)
  const bearable = longestSampleMs / Math.max(...estimatesMs)
  return Math.max(1, Math.min(mostRepeats, Math.ceil(wanted), Math.floor(bearable)))
}

async function oursOnce(device: Device, { run }: Pick<Pass, 'run'>, repeats: number, expectedMs = 0): Promise<number> {
  await device.sync()
  const start = performance.now()
  for (let i = 0; i < repeats; i++) run()
  device.flush()
  await sleepUntil(start + sleptShare * expectedMs)
  await device.sync()
  return performance.now() - start
}

async function theirsOnce(peer: PreparedPeer, repeats: number, expectedMs = 0): Promise<number> {
  await peer.sync()
  const start = performance.now()
  for (let i = 0; i < repeats; i++) await peer.run()
  await sleepUntil(start + sleptShare * expectedMs)
  await peer.sync()
  return performance.now() - start
}

async function sleepUntil(time: number): Promise<void> {
  const ms = time - performance.now()
  if (ms >= 1) await sleep(ms)
}
