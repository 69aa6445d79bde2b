/** The few Python literals that NumPy writes into headers. */
export type PythonLiteral =
  | boolean
  | null
  | number
  | string
  | PythonLiteral[]
  | PythonTuple
  | Map<string, PythonLiteral>

export class PythonTuple {
  constructor(readonly items: readonly PythonLiteral[]) {}
}

/** Nested deeper than any type of NumPy. */
const MOST_DEPTH = 16

/** One token: text without escapes, a whole number (Python 2 adds an L), a constant, or punctuation. */
const token = /\s*(?:'([^'\\\n]*)'|"([^"\\\n]*)"|(-?\d{1,15})L?\b|(True|False|None)\b|([{}[\](),:]))/y

class Malformed extends Error {}

/** The value of a text, or undefined when it is anything but one of these literals. Keys are text and occur once. */
export function parsePythonLiteral(text: string): PythonLiteral | undefined {
  const reader = new Reader(text)
  try {
    const value = reader.value(0)
    return reader.rest().trim() === '' ? value : undefined
  } catch (error) {
    if (error instanceof Malformed) return undefined
    throw error
  }
}

class Reader {
  #position = 0

  constructor(private readonly text: string) {}

  rest(): string {
    return this.text.slice(this.#position)
  }

  value(depth: number): PythonLiteral {
    if (depth > MOST_DEPTH) throw new Malformed()
    const [, single, double, digits, word, mark] = this.#next()
    if (single !== undefined || double !== undefined) return single ?? double!
    if (digits !== undefined) return Number(digits)
    if (word !== undefined) return word === 'None' ? null : word === 'True'
    if (mark === '[') return this.#items(']', depth).items
    if (mark === '(') {
      const { items, comma } = this.#items(')', depth)
      // (1) is a number in brackets.
      return items.length === 1 && !comma ? items[0]! : new PythonTuple(items)
    }
    if (mark === '{') return this.#dictionary(depth)
    throw new Malformed()
  }

  #items(end: string, depth: number): { items: PythonLiteral[]; comma: boolean } {
    const items: PythonLiteral[] = []
    let comma = false
    while (!this.#accept(end)) {
      if (items.length > 0 && !comma) throw new Malformed()
      items.push(this.value(depth + 1))
      comma = this.#accept(',')
    }
    return { items, comma }
  }

  #dictionary(depth: number): Map<string, PythonLiteral> {
    const map = new Map<string, PythonLiteral>()
    let comma = true
    while (!this.#accept('}')) {
      const key = comma ? this.value(depth + 1) : undefined
      if (typeof key !== 'string' || map.has(key) || !this.#accept(':')) throw new Malformed()
      map.set(key, this.value(depth + 1))
      comma = this.#accept(',')
    }
    return map
  }

  #next(): RegExpExecArray {
    token.lastIndex = this.#position
    const match = token.exec(this.text)
    if (!match) throw new Malformed()
    this.#position = token.lastIndex
    return match
  }

  /** Takes a mark if it is next. */
  #accept(mark: string): boolean {
    const start = this.#position
    if (this.#next()[5] === mark) return true
    this.#position = start
    return false
  }
}
