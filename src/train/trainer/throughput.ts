/** Samples and the time they took. */
export class Throughput {
  #samples = 0
  #ms = 0

  add(samples: number, ms: number): void {
    this.#samples += samples
    this.#ms += ms
  }

  /** Samples a second; undefined before the first. */
  get perSecond(): number | undefined {
    return this.#samples > 0 ? (1000 * this.#samples) / this.#ms : undefined
  }

  reset(): void {
    this.#samples = 0
    this.#ms = 0
  }
}
