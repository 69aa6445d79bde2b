/**
 * Property tests draw the same cases every time, so that a change is judged by what it did. The slow lane
 * (VOXGRAD_SLOW_TESTS=1) draws new ones; VOXGRAD_SEED repeats a seed that a failure printed.
 */
import fc from 'fast-check'

const { VOXGRAD_SEED: seed, VOXGRAD_SLOW_TESTS: slow } = process.env
if (seed || !slow) fc.configureGlobal({ seed: seed ? Number(seed) : 1 })
