/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util'
import type { DeviceProfile } from '../src/engine/index.js'

export const usage = `usage: npm run bench -- [option...]

  --filter REGEX     only rows whose "op/case, direction, dtype" matches, capitals or not; cases too large for a software
                     adapter run only when the expression matches their case name, or op/case
  --list             print the rows that would run, and stop
  --quick            small cases and fewer samples: at most a minute on a software adapter
  --peers            beside other libraries on the same adapter (bench/peers)
  --variants         every variant of the kernels, not only the one the engine picks
  --dtype f32,f16    element types (default: both, f16 where the adapter has it)
  --profile safe|fast  device profile (default safe)
  --json FILE        store the run as JSON lines
  --csv FILE         store the rows as CSV
  --html FILE        write a report: one self-contained page
  --compare FILE     print changes against a stored run; exit 1 on regressions
  --threshold 0.1    relative change that counts as one (default 0.1)
`

export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface BenchArguments {
  readonly filter: RegExp | undefined
  readonly list: boolean
  readonly quick: boolean
  readonly peers: boolean
  readonly variants: boolean
  readonly help: boolean
  readonly dtypes: readonly ('f32' | 'f16')[]
  readonly profile: DeviceProfile
  readonly json: string | undefined
  readonly csv: string | undefined
  readonly html: string | undefined
  readonly compare: string | undefined
  readonly threshold: number
}

/** @throws UsageError for options that are unknown or make no sense. */
export function parseArguments(args: readonly string[]): BenchArguments {
  const values = parse(args)
  const profile = values.profile ?? 'safe'
  if (profile !== 'safe' && profile !== 'fast') throw new UsageError(`--profile is safe or fast, got ${profile}`)
  const threshold = Number(values.threshold ?? 0.1)
  if (!(threshold > 0)) throw new UsageError(`--threshold is a positive number, got ${values.threshold}`)
  return {
    filter: values.filter === undefined ? undefined : expression(values.filter),
    list: values.list ?? false,
    quick: values.quick ?? false,
    peers: values.peers ?? false,
    variants: values.variants ?? false,
    help: values.help ?? false,
    dtypes: (values.dtype ?? 'f32,f16').split(',').map(dtypeOf),
    profile,
    json: values.json,
    csv: values.csv,
    html: values.html,
    compare: values.compare,
    threshold,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      allowPositionals: false,
      options: {
        filter: { type: 'string' },
        list: { type: 'boolean' },
        quick: { type: 'boolean' },
        peers: { type: 'boolean' },
        variants: { type: 'boolean' },
        dtype: { type: 'string' },
        profile: { type: 'string' },
        json: { type: 'string' },
        csv: { type: 'string' },
        html: { type: 'string' },
        compare: { type: 'string' },
        threshold: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function expression(source: string): RegExp {
  try {
    // Names are written as papers write them (infoNCE): nobody should have to know.
    return new RegExp(source, 'i')
  } catch (error) {
    throw new UsageError(`--filter: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function dtypeOf(name: string): 'f32' | 'f16' {
  if (name === 'f32' || name === 'f16') return name
  throw new UsageError(`--dtype takes f32 and f16, got ${name}`)
}
