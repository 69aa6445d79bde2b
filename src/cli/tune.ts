/** `voxgrad tune`: measures which variants of the kernels are fastest on this machine, and remembers it. */
import { writeFile } from 'node:fs/promises'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type Device, describeFault, openDevice, type TuningResult } from '../engine/index.js'
import { shippedPreferences } from '../kernels/index.js'
import {
  measureCeilings,
  planDevice,
  type Shapes,
  type TuneDeviceOptions,
  TuningStore,
  tuneDevice,
  tuningExport,
  tuningTable,
  tuningWorkloads,
} from '../tuning/index.js'
import { addDeviceOptions, type DeviceArguments } from './options.js'
import { Progress } from './progress.js'
import { planLines, resultHead, resultLine, summaryLines } from './tune-report.js'

interface TuneArguments extends DeviceArguments {
  readonly kernel?: RegExp
  readonly op?: RegExp
  readonly shapes: Shapes
  readonly dryRun?: boolean
  readonly force?: boolean
  readonly json?: boolean
  readonly export?: string
  readonly clear?: boolean
}

export function tuneCommand(): Command {
  const command = new Command('tune')
    .description('Measure which kernel variants are fastest on this machine; later runs use them')
    .option('--kernel <regex>', 'only kernels with such a name', expression)
    .option('--op <regex>', 'only the work of operations and models with such a name', expression)
    .addOption(
      new Option('--shapes <which>', "bench: the operations' benchmarks; models: what the models launch")
        .choices(['all', 'models', 'bench'])
        .default('all'),
    )
    .option('--dry-run', 'tell what would be measured and what is known already, and launch nothing')
    .option('--force', 'measure also what is known already')
    .option('--clear', "forget this device's measurements, and stop")
    .option('--export <file>', "write this device's measurements as JSON, as the shipped tables are made of")
    .option('--json', 'print everything as JSON')
  return addDeviceOptions(command).action(runTune)
}

function expression(source: string): RegExp {
  try {
    return new RegExp(source)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

async function runTune(options: TuneArguments): Promise<void> {
  using device = await openDevice({
    profile: options.profile,
    ...(options.adapter === undefined ? {} : { adapter: options.adapter }),
  })
  // What users without measurements of their own get: speed-ups are over that.
  device.preferences = shippedPreferences(device.capabilities)
  const store = new TuningStore(device.capabilities)
  const kernels = (name: string) => options.kernel?.test(name) ?? true
  const tuning: TuneDeviceOptions = { store, kernels, force: options.force ?? false }
  if (options.clear) {
    if (await store.forget(kernels)) console.log(`forgot what was measured on this device (${store.path})`)
    else process.exitCode = 1
  } else if (options.dryRun) await showPlan(device, tuning, options)
  else await measure(device, tuning, options)
}

function workloadsFor({ capabilities }: Device, { shapes, op }: TuneArguments) {
  return tuningWorkloads({ shapes, op, dtypes: capabilities.f16 ? ['f32', 'f16'] : ['f32'] })
}

async function showPlan(device: Device, tuning: TuneDeviceOptions, options: TuneArguments): Promise<void> {
  const plan = await planDevice(device, workloadsFor(device, options), tuning)
  if (!options.json) {
    console.log([...planLines(plan), `measurements are kept in ${tuning.store.path}`].join('\n'))
    return
  }
  const plain = ({ kernel, bucket, workload, untuned, candidates, cost }: (typeof plan.problems)[number]) => {
    return { kernel: kernel.name, bucket, workload, untuned, candidates, cost }
  }
  const { problems, known, tooLarge, failures } = plan
  printJson({
    cachePath: tuning.store.path,
    measure: problems.map(plain),
    known: known.map(plain),
    tooLarge: tooLarge.map(plain),
    failures,
  })
}

async function measure(device: Device, tuning: TuneDeviceOptions, options: TuneArguments): Promise<void> {
  const { store, kernels = () => true } = tuning
  const progress = new Progress(process.stderr)
  const results: TuningResult[] = []
  const print = (line: string) => {
    progress.clear()
    if (!options.json) console.log(line)
  }
  progress.show('measuring what the device can do at most')
  const ceilings = await measureCeilings(device)
  progress.show('looking for what there is to tune')
  const report = await interruptible((signal) =>
    tuneDevice(device, workloadsFor(device, options), {
      ...tuning,
      ceilings,
      signal,
      listener: {
        problem: ({ kernel, bucket, candidates }, index, count) =>
          progress.show(`${index + 1} of ${count}: ${kernel.name}, ${bucket}, ${candidates.length} variants`),
        result(result) {
          if (results.length === 0) print(resultHead)
          results.push(result)
          print(resultLine(result))
        },
        fault(fault) {
          progress.clear()
          console.error(`voxgrad: ${describeFault(fault)}`)
        },
      },
    }),
  )
  progress.clear()
  if (options.export) {
    const table = tuningTable(store, kernels, results)
    await writeFile(options.export, `${JSON.stringify(tuningExport(device.capabilities, table), null, 2)}\n`)
  }
  if (!report) {
    console.error(`voxgrad: interrupted; ${results.length} results are kept, and the next call goes on from there`)
    process.exitCode = 130
    return
  }
  if (options.json) {
    const { plan, faults, stored } = report
    const { capabilities } = device
    printJson({
      adapter: capabilities.adapter,
      profile: device.profile,
      cachePath: store.path,
      stored,
      results,
      known: plan.known.length,
      tooLarge: plan.tooLarge.map(({ kernel, bucket, workload }) => ({ kernel: kernel.name, bucket, workload })),
      failures: plan.failures,
      faults,
    })
  } else console.log(summaryLines(report, store.path).join('\n'))
  if (report.faults.length > 0) process.exitCode = 1
}

/** Runs `work` until the first Ctrl-C, which ends it in good order; undefined then. The second one ends the process. */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
  const controller = new AbortController()
  const interrupt = () => controller.abort()
  process.once('SIGINT', interrupt)
  try {
    return await work(controller.signal)
  } catch (error) {
    if (controller.signal.aborted) return undefined
    throw error
  } finally {
    process.off('SIGINT', interrupt)
  }
}

const printJson = (value: unknown): void => console.log(JSON.stringify(value, null, 2))
