/**
 * TensorBoard's event files: protocol buffers in TFRecords. Only what scalars need of `tensorflow.Event` and
 * `tensorflow.Summary` is written here:
 *
 *     Event   { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
 *     Summary { repeated Value value = 1; }   Value { string tag = 1; float simple_value = 2; }
 */
import { appendFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { EvaluationEvent, StepEvent, TrainingObserver } from '../trainer/events.js'
import { maskedCrc32c } from './crc32c.js'

export class EventFile implements TrainingObserver {
  readonly path: string
  readonly #now: () => number
  #started = false

  /** A new file in a folder; TensorBoard joins those of one folder. @param now milliseconds since 1970. */
  constructor(folder: string, now: () => number = Date.now) {
    this.#now = now
    this.path = join(folder, `events.out.tfevents.${Math.floor(now() / 1000)}.${hostname()}.${process.pid}`)
  }

  async onStep(event: StepEvent): Promise<void> {
    const { step, loss, metrics, learningRate, gradientNorm, lossScale, samplesPerSecond, peakBytes } = event
    await this.write(step, {
      ...{ 'train/loss': loss, ...underPrefix('train', metrics) },
      ...{ 'optimizer/learningRate': learningRate, 'optimizer/gradientNorm': gradientNorm },
      ...(lossScale !== undefined && { 'optimizer/lossScale': lossScale }),
      ...{ 'device/samplesPerSecond': samplesPerSecond, 'device/peakBytes': peakBytes },
    })
  }

  async onEvaluation({ step, split, scores }: EvaluationEvent): Promise<void> {
    await this.write(step, underPrefix(split, scores))
  }

  /** Appends scalars of a step. */
  async write(step: number, scalars: Readonly<Record<string, number>>): Promise<void> {
    const time = this.#now() / 1000
    const head = this.#started ? [] : [record(concatBytes([double(1, time), text(3, 'brain.Event:2')]))]
    this.#started = true
    const values = Object.entries(scalars).map(([tag, value]) => bytes(1, concatBytes([text(1, tag), float(2, value)])))
    const event = concatBytes([double(1, time), varint(2, step), bytes(5, concatBytes(values))])
    await appendFile(this.path, concatBytes([...head, record(event)]))
  }
}

const underPrefix = (prefix: string, scores: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(scores).map(([name, value]) => [`${prefix}/${name}`, value]))

/** Length, its checksum, the data, its checksum. */
function record(data: Uint8Array): Uint8Array {
  const head = new Uint8Array(8)
  new DataView(head.buffer).setBigUint64(0, BigInt(data.length), true)
  return concatBytes([head, word(maskedCrc32c(head)), data, word(maskedCrc32c(data))])
}

function word(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value, true)
  return out
}

/** Wire types of protocol buffers: 0 varint, 1 eight bytes, 2 with a length, 5 four bytes. */
const tag = (field: number, wire: number): Uint8Array => base128((field << 3) | wire)
const varint = (field: number, value: number): Uint8Array => concatBytes([tag(field, 0), base128(value)])
const bytes = (field: number, value: Uint8Array): Uint8Array =>
  concatBytes([tag(field, 2), base128(value.length), value])
const text = (field: number, value: string): Uint8Array => bytes(field, new TextEncoder().encode(value))

function double(field: number, value: number): Uint8Array {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setFloat64(0, value, true)
  return concatBytes([tag(field, 1), out])
}

function float(field: number, value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setFloat32(0, value, true)
  return concatBytes([tag(field, 5), out])
}

/** Seven bits a byte, lowest first; numbers beyond 32 bits too. */
function base128(value: number): Uint8Array {
  const out: number[] = []
  let rest = value
  while (rest >= 128) {
    out.push((rest % 128) + 128)
    rest = Math.floor(rest / 128)
  }
  return Uint8Array.from([...out, rest])
}

const concatBytes = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))
