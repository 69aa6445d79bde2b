/** What some work has to do at least: the bench divides by it, and the tuner reports rates by it. */
export interface Cost {
  /** Floating-point operations; a fused multiply-add is two. */
  readonly flops: number
  /** Bytes that must cross the memory bus when every tensor is touched once. */
  readonly bytes: number
}
