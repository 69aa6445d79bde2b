/** Ridge regression in its dual form: for more features than samples. */
export class Ridge {
  readonly #rows: readonly Float64Array[]
  readonly #mean: Float64Array
  readonly #kernel: Float64Array[]

  /** @param rows samples of the training set */
  constructor(rows: readonly Float64Array[]) {
    this.#mean = new Float64Array(rows[0]!.length)
    for (const row of rows) for (let n = 0; n < row.length; n++) this.#mean[n]! += row[n]! / rows.length
    this.#rows = rows.map((row) => this.#centred(row))
    this.#kernel = this.#rows.map((row, n) => Float64Array.from(this.#rows.slice(0, n + 1), (other) => dot(row, other)))
  }

  /** Scores of further rows. `strength` counts in mean squared lengths of a sample. */
  fit(targets: readonly number[], strength: number, rows: readonly Float64Array[]): number[] {
    const count = this.#rows.length
    const lengths = this.#kernel.reduce((sum, row, n) => sum + row[n]!, 0) / count
    const middle = targets.reduce((sum, value) => sum + value, 0) / count
    const weights = solve(
      this.#kernel,
      strength * lengths,
      targets.map((value) => value - middle),
    )
    const direction = new Float64Array(this.#mean.length)
    for (const [n, row] of this.#rows.entries()) {
      for (let at = 0; at < row.length; at++) direction[at]! += weights[n]! * row[at]!
    }
    return rows.map((row) => dot(this.#centred(row), direction))
  }

  #centred(row: Float64Array): Float64Array {
    return row.map((value, n) => value - this.#mean[n]!)
  }
}

function dot(left: Float64Array, right: Float64Array): number {
  let sum = 0
  for (let n = 0; n < left.length; n++) sum += left[n]! * right[n]!
  return sum
}

/** Solves (K + ridge I) x = b by Cholesky; K symmetric, its lower triangle given. */
function solve(kernel: readonly Float64Array[], ridge: number, right: readonly number[]): Float64Array {
  const factor = kernel.map((row) => row.slice())
  for (const [r, row] of factor.entries()) {
    row[r]! += ridge
    for (let c = 0; c <= r; c++) {
      const other = factor[c]!
      let sum = row[c]!
      for (let n = 0; n < c; n++) sum -= row[n]! * other[n]!
      row[c] = c === r ? Math.sqrt(sum) : sum / other[c]!
    }
  }
  const out = Float64Array.from(right)
  for (const [r, row] of factor.entries()) {
    for (let n = 0; n < r; n++) out[r]! -= row[n]! * out[n]!
    out[r]! /= row[r]!
  }
  for (let r = factor.length - 1; r >= 0; r--) {
    for (let n = r + 1; n < factor.length; n++) out[r]! -= factor[n]![r]! * out[n]!
    out[r]! /= factor[r]![r]!
  }
  return out
}
