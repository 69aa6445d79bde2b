/** Makes rows of what was measured, and of what could not be. */

import type { Clock } from '../src/engine/clock.js'
import { LimitError, NotSupportedError } from '../src/engine/index.js'
import type { BenchCase } from './cases.js'
import { boundOf } from './ceilings.js'
import type { FloatType, Work } from './cost.js'
import type { Measurement } from './measure.js'
import type { PeerResult, Probe, Row } from './schema.js'
import { noisyCv } from './statistics.js'
import type { Verdict } from './verify/verdict.js'

/** A row without figures. */
export function emptyRow(identity: Pick<Row, 'name' | 'op' | 'case' | 'direction' | 'dtype'> & Partial<Row>): Row {
  return {
    kind: 'row',
    variant: '',
    picked: true,
    shape: [],
    options: {},
    status: 'ok',
    correct: null,
    maxRelError: null,
    clock: null,
    samples: 0,
    repeats: 0,
    medianMs: null,
    p20Ms: null,
    p80Ms: null,
    madMs: null,
    cv: null,
    coldMedianMs: null,
    flops: 0,
    bytes: 0,
    gflops: null,
    gbps: null,
    intensity: null,
    bound: null,
    fractionOfProbe: null,
    pace: null,
    peers: [],
    note: '',
    ...identity,
  }
}

export function caseRow({ op, test, name, dtype, work }: BenchCase, direction: Row['direction']): Row {
  return emptyRow({
    name,
    op: op.name,
    case: test.name,
    direction,
    dtype,
    shape: test.inputs.map(({ shape }) => [...shape]),
    options: plainOptions(test.options),
    flops: work.flops,
    bytes: work.bytes,
  })
}

/** Options as JSON keeps them. */
function plainOptions(options: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(options ?? {})) as Record<string, unknown>
}

/** The row of an error: `unsupported` where the adapter or the library lacks something, else `failed`. */
export function failedRow(row: Row, error: unknown): Row {
  const unsupported = error instanceof NotSupportedError || error instanceof LimitError
  const message = error instanceof Error ? error.message.split('\n')[0]! : String(error)
  return { ...row, status: unsupported ? 'unsupported' : 'failed', note: joinNotes(message, row.note) }
}

export const joinNotes = (...notes: readonly string[]): string => notes.filter((note) => note !== '').join('; ')

/** Adds the verdict; a wrong result is kept, marked and not timed. */
export function judgedRow(row: Row, { correct, maxRelError, against }: Verdict): Row {
  return {
    ...row,
    correct,
    maxRelError,
    status: correct === false ? 'wrong' : 'ok',
    note: joinNotes(`${correct === null ? 'unchecked against' : 'checked against'} ${against}`, row.note),
  }
}

export function timedRow(
  row: Row,
  work: Work,
  measurement: Measurement,
  clock: Pick<Clock, 'kind'>,
  probes: readonly Probe[],
): Row {
  const { warm, coldMedianMs, repeats, pace } = measurement
  const { flops, bytes } = work
  const bound = boundOf(probes, work, row.dtype as FloatType)
  const seconds = warm.median / 1000
  return {
    ...row,
    clock: clock.kind,
    samples: warm.samples,
    repeats,
    medianMs: warm.median,
    p20Ms: warm.p20,
    p80Ms: warm.p80,
    madMs: warm.mad,
    cv: warm.cv,
    coldMedianMs: Number.isNaN(coldMedianMs) ? null : coldMedianMs,
    flops,
    bytes,
    gflops: flops > 0 ? flops / seconds / 1e9 : null,
    gbps: bytes > 0 ? bytes / seconds / 1e9 : null,
    intensity: bytes > 0 ? flops / bytes : null,
    bound: bound?.bound ?? null,
    fractionOfProbe: bound ? bound.leastMs / warm.median : null,
    pace: pace ?? null,
    note: joinNotes(warm.cv > noisyCv ? `noisy: CV ${(100 * warm.cv).toFixed(0)} %` : '', row.note),
  }
}

export function withPeers(row: Row, peers: readonly PeerResult[]): Row {
  return { ...row, peers: [...peers] }
}
