import type { Tensor } from '../../engine/index.js'

/** Applies steps one after the other, freeing each intermediate as soon as the next one exists; `input` stays. */
export function sequence(input: Tensor, steps: readonly ((x: Tensor) => Tensor)[]): Tensor {
  let current = input
  for (const step of steps) {
    const next = step(current)
    if (current !== input && current !== next) current.dispose()
    current = next
  }
  return current
}
