/** One line that tells what is going on: overwritten on a terminal, written once each elsewhere. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  #shown = false

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream
  }

  show(text: string): void {
    if (!this.#stream.isTTY) {
      this.#stream.write(`${text}\n`)
      return
    }
    this.clear()
    // A line that wraps could not be taken back.
    this.#stream.write(text.slice(0, Math.max(0, this.#stream.columns - 1)))
    this.#shown = true
  }

  /** What is out of date in a moment: nothing where lines stay. */
  showPassing(text: string): void {
    if (this.#stream.isTTY) this.show(text)
  }

  /** `done` of `total` with a name; as a bar, and with the time left, on a terminal. */
  showCount(done: number, total: number, name: string, elapsedMs: number): void {
    const count = `${done}/${total}`
    if (!this.#stream.isTTY) {
      this.show(`${count} ${name}`)
      return
    }
    const filled = Math.round((BAR_CELLS * done) / total)
    const left = done === 0 ? '' : ` ${Math.ceil((elapsedMs / done) * (total - done) * 1e-3)} s left`
    this.show(`${'#'.repeat(filled)}${'-'.repeat(BAR_CELLS - filled)} ${count}${left} ${name}`)
  }

  /** Takes the line back before something else is printed. */
  clear(): void {
    if (this.#shown) this.#stream.write('\r\x1b[K')
    this.#shown = false
  }
}

const BAR_CELLS = 24
