/** A row of a golden manifest (the format is described in the golden data's own README). */
export interface GoldenRow {
  id: string
  family: string
  op: string
  /** Relative to the folder of the manifest, as are files named in `params`. */
  file: string
  params: Record<string, unknown>
  tol: Record<string, unknown>
  note: string
  /** Rows of the family `fvlm` have these two instead of `params` and `tol`. */
  config?: Record<string, unknown>
  tolerance?: Record<string, unknown>
}

/** One compared quantity of a case. */
export interface CheckResult {
  name: string
  /** Largest deviation found; infinite when the two cannot be compared. */
  error: number
  /** Largest deviation that is accepted. */
  bound: number
  ok: boolean
  message?: string
}
