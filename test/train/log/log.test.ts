/** What is left of a run to look at: lines, TensorBoard's files read by a decoder of its own, and curves. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import {
  CurvesFile,
  curvesPage,
  EventFile,
  MetricsFile,
  progressLine,
  type StepEvent,
} from '../../../src/train/index.js'
import { crc32c } from '../../../src/train/log/crc32c.js'

const folder = mkdtempSync(join(tmpdir(), 'voxgrad-log-'))
afterAll(() => rmSync(folder, { recursive: true }))

const stepEvent = (step: number, more: Partial<StepEvent> = {}): StepEvent => ({
  ...{ step, totalSteps: 100, epoch: 0, loss: 1 / step, metrics: { accuracy: step / 100 }, learningRate: 1e-3 },
  ...{ gradientNorm: 2, skipped: false, samplesPerSecond: 8, elapsedMs: 1000 * step, liveBytes: 1e6, peakBytes: 2e6 },
  ...more,
})

/** Bit by bit, with the polynomial the other way round than the writer's table. */
function slowChecksum(bytes: Uint8Array): number {
  const reflect = (value: number, bits: number) =>
    Number.parseInt([...value.toString(2).padStart(bits, '0')].reverse().join(''), 2)
  let crc = 0xffffffffn
  for (const byte of bytes) {
    crc ^= BigInt(reflect(byte, 8)) << 24n
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000n ? ((crc << 1n) ^ 0x1edc6f41n) & 0xffffffffn : crc << 1n
  }
  return (reflect(Number(crc), 32) ^ 0xffffffff) >>> 0
}

type Field = { readonly field: number; readonly value: bigint | Uint8Array }

/** The fields of a protocol buffer, by the wire format alone. */
function fieldsOf(bytes: Uint8Array): Field[] {
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
  }
  const fields: Field[] = []
  while (at < bytes.length) {
    const key = Number(varint())
    const wire = key & 7
    const length = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? Number(varint()) : 0
    fields.push({ field: key >> 3, value: wire === 0 ? varint() : bytes.subarray(at, at + length) })
    at += length
  }
  return fields
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset)

/** Events of a file as plain values; throws where a checksum is wrong. */
function readEvents(path: string) {
  const file = new Uint8Array(readFileSync(path))
  const events: { time: number; step: bigint; version?: string; scalars: Record<string, number> }[] = []
  const check = (data: Uint8Array, at: number) => {
    const stored = (viewOf(file).getUint32(at, true) - 0xa282ead8) >>> 0
    expect(((stored << 15) | (stored >>> 17)) >>> 0).toBe(slowChecksum(data))
  }
  for (let at = 0; at < file.length; ) {
    const length = Number(viewOf(file).getBigUint64(at, true))
    check(file.subarray(at, at + 8), at + 8)
    const data = file.subarray(at + 12, at + 12 + length)
    check(data, at + 12 + length)
    at += 16 + length
    const fields = new Map(fieldsOf(data).map(({ field, value }) => [field, value]))
    const text = (value: bigint | Uint8Array) => new TextDecoder().decode(value as Uint8Array)
    const values = fields.has(5) ? fieldsOf(fields.get(5) as Uint8Array) : []
    events.push({
      time: viewOf(fields.get(1) as Uint8Array).getFloat64(0, true),
      step: (fields.get(2) as bigint | undefined) ?? 0n,
      ...(fields.has(3) && { version: text(fields.get(3)!) }),
      scalars: Object.fromEntries(
        values.map(({ value }) => {
          const [tag, scalar] = fieldsOf(value as Uint8Array)
          return [text(tag!.value), viewOf(scalar!.value as Uint8Array).getFloat32(0, true)]
        }),
      ),
    })
  }
  return events
}

describe("TensorBoard's files", () => {
  it('have the checksum of the standard', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(crc32c(bytes)).toBe(slowChecksum(bytes))
      }),
    )
  })

  it('are read by another decoder, whatever the step and the length of names', async () => {
    const file = new EventFile(folder, () => 1_700_000_000_500)
    await file.onStep(stepEvent(3))
    await file.onEvaluation({ step: 2 ** 40 + 5, split: 'validation', scores: { ['x'.repeat(300)]: 0.25 }, best: true })
    const [head, step, evaluation, ...rest] = readEvents(file.path)
    expect(head).toEqual({ time: 1_700_000_000.5, step: 0n, version: 'brain.Event:2', scalars: {} })
    expect(step).toMatchObject({ step: 3n, scalars: { 'train/loss': Math.fround(1 / 3), 'optimizer/gradientNorm': 2 } })
    expect(evaluation!.step).toBe(2n ** 40n + 5n)
    expect(evaluation!.scalars).toEqual({ [`validation/${'x'.repeat(300)}`]: 0.25 })
    expect(rest).toEqual([])
  })
})

describe('metrics', () => {
  it('lose what came after the checkpoint that a run goes on from, and a line that was cut off', async () => {
    const path = join(folder, 'metrics.jsonl')
    const first = new MetricsFile(path)
    await first.onBegin({ step: 0 })
    for (const step of [1, 2, 3]) await first.onStep(stepEvent(step))
    await first.onEvaluation({ step: 3, split: 'validation', scores: { auroc: Number.NaN }, best: false })
    const lines = () =>
      readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    expect(lines().map(({ step, split, loss }) => [step, split, loss])).toEqual([
      [1, undefined, 1],
      [2, undefined, 0.5],
      [3, undefined, 1 / 3],
      [3, 'validation', undefined],
    ])
    expect(lines()[0]).toMatchObject({ accuracy: 0.01, learningRate: 1e-3, peakBytes: 2e6 })
    expect(lines()[3].auroc).toBeNull()
    writeFileSync(path, `${readFileSync(path, 'utf8')}{"step": 4, "lo`)
    const again = new MetricsFile(path)
    await again.onBegin({ step: 2 })
    await again.onStep(stepEvent(3, { loss: 9 }))
    expect(lines().map(({ loss }) => loss)).toEqual([1, 0.5, 9])
  })
})

describe('curves', () => {
  const lines = Array.from({ length: 2000 }, (_, n) => ({ step: n + 1, loss: 1 / (n + 1), epoch: 0, odd: Number.NaN }))

  it('are one page of bounded size that needs nothing else, and refreshes while training runs', () => {
    const page = curvesPage({
      title: 'a <b>',
      lines: [...lines, { step: 5, split: 'validation', fit: 0.5 }],
      refreshSeconds: 7,
    })
    expect(page).toContain('content="7"')
    expect(page).toContain('a &lt;b&gt;')
    expect([...page.matchAll(/<figcaption><b>([^<]*)/g)].map(([, name]) => name)).toEqual(['loss', 'validation fit'])
    expect(page).not.toMatch(/NaN|Infinity|src=|href=|http:|https:/)
    expect(page.length).toBeLessThan(60_000)
    expect(curvesPage({ title: 'x', lines: [] })).not.toContain('refresh')
  })

  it('stay inside their frame', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }), { minLength: 1 }),
        (losses) => {
          const page = curvesPage({ title: 'x', lines: losses.map((loss, n) => ({ step: n, loss })) })
          const points = [...page.matchAll(/points="([^"]*)"/g)].flatMap(([, text]) => text!.split(' '))
          for (const [x, y] of points.map((point) => point.split(',').map(Number))) {
            expect(x! >= 0 && x! <= 360 && y! >= 0 && y! <= 200).toBe(true)
          }
        },
      ),
    )
  })

  it('are written at once, then not before their time, and at the end', async () => {
    const path = join(folder, 'curves.html')
    const list = [{ step: 1, loss: 1 }]
    const file = new CurvesFile(path, { title: 'x', lines: list }, 1000)
    await file.onStep()
    list.push({ step: 2, loss: 2 })
    await file.onStep()
    expect(readFileSync(path, 'utf8')).toContain('Step 1, running')
    await file.onEnd()
    expect(readFileSync(path, 'utf8')).toContain('Step 2, ended')
  })
})

describe('the line of progress', () => {
  it('tells where training is and how long it takes', () => {
    expect(progressLine(stepEvent(50), 0)).toBe(
      'step 50/100  epoch 0  loss 0.02000  8.00 samples/s  1.0 MB (peak 2.0)  50 s left',
    )
    expect(progressLine(stepEvent(50, { elapsedMs: 8e6 }), 30)).toContain('5 h 33 min left')
    expect(progressLine(stepEvent(50, { skipped: true }), 49)).toContain('left out')
  })
})
