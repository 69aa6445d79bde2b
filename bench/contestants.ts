/** The ways to run one pass of a case: as the engine picks, and with each variant of its kernels forced. */
import { scope } from '../src/engine/index.js'
import { definedKernels, withVariant } from '../src/engine/kernel.js'
import type { Contestant } from './measure.js'
import type { Pass, Problem } from './problem.js'
import { kernelsOf, traced } from './trace.js'
import type { Candidate } from './verify/verdict.js'

export interface Entry extends Candidate, Contestant {
  /** What the row calls it. */
  readonly variant: string
  readonly picked: boolean
  /** Why it cannot run. */
  readonly failure?: unknown
}

const asPicked = <T>(fn: () => T): T => fn()

export function pickedEntry({ run, kernels, launches }: Pass): Entry {
  return { variant: kernels.join(' + '), picked: true, kernels, force: asPicked, run, dispatches: launches.length }
}

/**
 * One entry for every variant of the pass's kernels beside the one that was picked. A variant that this adapter or
 * problem rules out is an entry with the reason.
 */
export async function forcedEntries(problem: Problem, pass: Pass): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const { name, variants } of definedKernels()) {
    const mine = pass.kernels.filter((label) => label.startsWith(`${name}/`))
    if (mine.length === 0 || variants.length < 2) continue
    for (const { name: variant } of variants) {
      const label = `${name}/${variant}`
      if (mine.length === 1 && mine[0] === label) continue
      entries.push(await forcedEntry(problem, pass, { kernel: name, variant, label }))
    }
  }
  return entries
}

async function forcedEntry(
  problem: Problem,
  pass: Pass,
  { kernel, variant, label }: { kernel: string; variant: string; label: string },
): Promise<Entry> {
  const force = <T>(fn: () => T): T => withVariant(kernel, variant, fn)
  const run = () => force(pass.run)
  try {
    const { launches } = traced(problem.device, () => scope(run))
    // Compilation errors arrive with the next wait.
    await problem.device.sync()
    return { variant: label, picked: false, kernels: kernelsOf(launches), force, run, dispatches: launches.length }
  } catch (failure) {
    return { variant: label, picked: false, kernels: [], force, run, dispatches: 0, failure }
  }
}
