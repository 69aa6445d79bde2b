/** The host's side of the random streams: the same words as `philox.wgsl`. */
import { ValueError } from '../../engine/errors.js'
import type { Draw, Generator } from '../../engine/random.js'
import { philox4x32 } from '../../numeric/philox.js'

/** Second word of every key: "voxg". */
const keyWord = 0x766f7867

/** The four random words of a draw at a counter of three words: for numbers that have more than one index. */
export function drawWords({ seed, index }: Draw, [x, y, z]: readonly [number, number, number]): readonly number[] {
  return philox4x32([x, index, y, z], [seed, keyWord])
}

/** The random word of one element of a draw. */
export function drawWord({ seed, index }: Draw, element: number): number {
  return philox4x32([Math.floor(element / 4), index, 0, 0], [seed, keyWord])[element % 4]!
}

/** The standard normal number of one element of a draw, in float64: what `randomNormal` makes there. */
export function drawNormal(draw: Draw, element: number): number {
  const pair = element - (element % 2)
  const [radial, turn] = [drawWord(draw, pair) >>> 8, drawWord(draw, pair + 1) >>> 8]
  const radius = Math.sqrt(-2 * Math.log((radial + 1) / 2 ** 24))
  const angle = (2 * Math.PI * turn) / 2 ** 24
  return radius * (element % 2 === 0 ? Math.cos(angle) : Math.sin(angle))
}

/** The numbers 0 to `count - 1` in random order: the same for a seed everywhere. One draw. */
export function randomPermutation(count: number, generator: Generator): Int32Array {
  if (!Number.isInteger(count) || count < 0 || count > 2 ** 31) {
    throw new ValueError(`randomPermutation: the count must be an integer from 0 to 2^31, got ${count}`)
  }
  const draw = generator.draw()
  const order = Int32Array.from({ length: count }, (_, i) => i)
  // Fisher and Yates; a word spreads over at most 2^31 places, so the bias is below 2^-32 relative to one place.
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor((drawWord(draw, last) / 2 ** 32) * (last + 1))
    const value = order[last]!
    order[last] = order[other]!
    order[other] = value
  }
  return order
}
