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

  /** Takes the line back before something else is printed. */
  clear(): void {
    if (this.#shown) this.#stream.write('\r\x1b[K')
    this.#shown = false
  }
}
