/** The ways to run one pass of a case: as the engine picks, and with each variant of its kernels forced. */
import { NotSupportedError, scope } from '../src/engine/index.js'
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
 * One entry for every family of variants of the pass's kernels beside the one that was picked: its first that can run,
 * or, where this adapter or problem rules all of them out, the reason of the last.
 */
export async function forcedEntries(problem: Problem, pass: Pass): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const { name, variants } of definedKernels()) {
    const mine = pass.kernels.filter((label) => label.startsWith(`${name}/`))
    if (mine.length === 0 || variants.length < 2) continue
    const picked = variants.filter((variant) => mine.includes(`${name}/${variant.name}`))
    for (const [family, members] of families(variants)) {
      if (mine.length === 1 && picked.some((variant) => familyOf(variant) === family)) continue
      entries.push(await firstOf(problem, pass, name, members))
    }
  }
  return entries
}

type Variant = ReturnType<typeof definedKernels>[number]['variants'][number]

const familyOf = ({ name, family }: Variant): string => family ?? name

function families(variants: readonly Variant[]): Map<string, Variant[]> {
  const groups = new Map<string, Variant[]>()
  for (const variant of variants) groups.set(familyOf(variant), [...(groups.get(familyOf(variant)) ?? []), variant])
  return groups
}

async function firstOf(problem: Problem, pass: Pass, kernel: string, members: readonly Variant[]): Promise<Entry> {
  let entry: Entry | undefined
  for (const { name: variant } of members) {
    entry = await forcedEntry(problem, pass, { kernel, variant, label: `${kernel}/${variant}` })
    if (!(entry.failure instanceof NotSupportedError)) break
  }
  return entry!
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
