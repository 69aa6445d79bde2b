/** What becomes of the losses of single elements or rows. */
export type Reduction = 'mean' | 'sum' | 'none'

export interface ReductionOptions {
  /** Default `mean`. */
  readonly reduction?: Reduction | undefined
}
