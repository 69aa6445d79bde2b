/** `npm run golden -- DIR... [--family A,B] [--op REGEX] [--profile safe|fast] [--list]` */
import { parseArgs } from 'node:util'
import { type DeviceProfile, openDevice } from '../../src/engine/index.js'
import { findCases, type Outcome, runCase } from './runner.js'

const usage = 'usage: npm run golden -- DIR... [--family A,B] [--op REGEX] [--profile safe|fast] [--list]'

function describe(id: string, { verdict, checks }: Outcome): string {
  const worst = checks[0]
  if (!worst) return `unknown  ${id}`
  const failures = checks.filter(({ ok }) => !ok)
  const size = `${worst.name} ${worst.error.toExponential(2)} (bound ${worst.bound.toExponential(2)})`
  const more = failures.length > 1 ? `, ${failures.length} of ${checks.length} checks` : ''
  return `${verdict.padEnd(7)}  ${id}  ${worst.message ? `${worst.name}: ${worst.message}` : size}${more}`
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      family: { type: 'string' },
      op: { type: 'string' },
      profile: { type: 'string', default: 'safe' },
      list: { type: 'boolean', default: false },
    },
  })
  if (positionals.length === 0) throw new Error(usage)
  if (values.profile !== 'safe' && values.profile !== 'fast') throw new Error(`--profile is safe or fast. ${usage}`)
  const cases = findCases(positionals, {
    families: values.family?.split(','),
    op: values.op === undefined ? undefined : new RegExp(values.op),
  })
  if (values.list) {
    for (const { row } of cases) console.log(`${row.family}  ${row.op}  ${row.id}`)
    return 0
  }
  const device = await openDevice({ profile: values.profile as DeviceProfile })
  const counts = { passed: 0, failed: 0, unknown: 0 }
  for (const golden of cases) {
    const outcome = await runCase(golden, device)
    counts[outcome.verdict]++
    console.log(describe(golden.row.id, outcome))
  }
  device.destroy()
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.unknown} unknown`)
  return counts.failed + counts.unknown === 0 && counts.passed > 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 2
}
