/** Runs in a browser: operations on their own cases, and an embedding of COLIPRI. Sends a {@link PageReport} home. */
import '../../src/kernels/index.js'
import { definedOps } from '../../src/engine/op.js'
import { type AnyOp, checkOperation } from '../support/check-operation.js'
import { testDevice } from '../support/device.js'
import { collectedTests } from './collected-tests.js'
import { embedTiny } from './embed-tiny.js'

export interface PageReport {
  /** What ended the run before its end. */
  readonly broken?: string
  readonly adapter: string
  readonly passed: number
  /** Name and message of every test that failed. */
  readonly failures: readonly string[]
  readonly embedding: readonly number[]
}

/** Tests of the cases, all of them or the first of every operation. */
function testsOf(every: boolean) {
  for (const op of definedOps() as unknown as AnyOp[]) {
    const cases = op.cases.filter(({ bench }) => !bench)
    checkOperation({ ...op, cases: every ? cases : cases.slice(0, 1) })
  }
  return collectedTests
}

async function runAll(every: boolean): Promise<PageReport> {
  const tests = testsOf(every)
  const failures: string[] = []
  for (const { name, run } of tests) {
    try {
      await run()
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const device = await testDevice()
  const { vendor, architecture, description } = device.capabilities.adapter
  return {
    adapter: `${vendor} ${architecture} ${description}`,
    passed: tests.length - failures.length,
    failures,
    embedding: await embedTiny(device),
  }
}

const { search } = (globalThis as unknown as { location: { search: string } }).location
const report = await runAll(search === '?every').catch((error: unknown) => ({ broken: String(error) }))
await fetch('/report', { method: 'POST', body: JSON.stringify(report) })
