import { DataError } from '../errors.js'
import { PickleEndError } from './errors.js'

/** More digits than any honest number has; arithmetic on millions of them takes minutes. */
const MOST_INTEGER_BYTES = 1024
const MOST_LINE_BYTES = 4096

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads the operands of pickle instructions. Every method throws a `PickleEndError` at the end of the bytes. */
export class PickleCursor {
  readonly #view: DataView

  constructor(
    readonly bytes: Uint8Array,
    public position: number,
    readonly path: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Throws a DataError that tells the position. */
  fail(problem: string, remedy?: string): never {
    throw new DataError(`${problem} (at byte ${this.position} of the pickle)`, {
      path: this.path,
      ...(remedy === undefined ? {} : { remedy }),
    })
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2), true)
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4), true)
  }

  int32(): number {
    return this.#view.getInt32(this.#advance(4), true)
  }

  /** A length of 64 bits. */
  length64(): number {
    const length = this.#view.getBigUint64(this.#advance(8), true)
    return length <= Number.MAX_SAFE_INTEGER ? Number(length) : this.fail(`a length of ${length} is impossible`)
  }

  float64(): number {
    return this.#view.getFloat64(this.#advance(8), false)
  }

  /** A view of the next bytes. */
  take(length: number): Uint8Array {
    const start = this.#advance(length)
    return this.bytes.subarray(start, start + length)
  }

  utf8(length: number): string {
    const bytes = this.take(length)
    try {
      return strictUtf8.decode(bytes)
    } catch {
      return this.fail('a string is not UTF-8')
    }
  }

  /** Python 2's strings: text where they are text, otherwise their bytes. */
  byteString(length: number): string | Uint8Array {
    const bytes = this.take(length)
    try {
      return strictUtf8.decode(bytes)
    } catch {
      return bytes.slice()
    }
  }

  /** Text up to a line feed, which is left out; of protocol 0 as Latin-1. */
  line(encoding: 'utf-8' | 'latin1' = 'utf-8'): string {
    const end = this.bytes.subarray(0, this.position + MOST_LINE_BYTES).indexOf(0x0a, this.position)
    if (end < 0) {
      if (this.bytes.length - this.position >= MOST_LINE_BYTES) this.fail('a line is too long')
      return this.#ended()
    }
    const length = end - this.position
    const text = encoding === 'utf-8' ? this.utf8(length) : String.fromCharCode(...this.take(length))
    this.position++
    return text
  }

  /** A little-endian integer in two's complement. */
  integer(length: number): number | bigint {
    if (length > MOST_INTEGER_BYTES) this.fail(`an integer of ${length} bytes is beyond all sense`)
    const bytes = this.take(length)
    let value = 0n
    for (let n = length - 1; n >= 0; n--) value = (value << 8n) | BigInt(bytes[n]!)
    return narrow(BigInt.asIntN(8 * length, value))
  }

  /** A decimal integer in a line of its own. */
  decimal(): number | bigint {
    const text = this.line().replace(/L$/, '')
    return /^[+-]?\d{1,1000}$/.test(text) ? narrow(BigInt(text)) : this.fail('an integer is malformed')
  }

  #advance(length: number): number {
    const start = this.position
    if (start + length > this.bytes.length) this.#ended()
    this.position = start + length
    return start
  }

  #ended(): never {
    throw new PickleEndError(`the pickle ends in the middle of an instruction, at byte ${this.bytes.length}`, {
      path: this.path,
      remedy: 'The file is truncated or damaged; fetch or write it again',
    })
  }
}

/** As a number where that is exact. */
function narrow(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
