/** `voxgrad fvlm decompose`: raw reports to texts by anatomy. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import {
  type ChatEndpoint,
  DataError,
  decomposeByChat,
  decomposeByRules,
  EndpointError,
  offlineNotice,
  type RawReport,
  readRawReports,
  systemPrompt,
  totalSegmentatorLabels,
} from '../data/index.js'
import { DecompositionFolder, type DecompositionRecord, type ReportParts } from './decomposition-folder.js'
import { Progress } from './progress.js'
import { numberBetween, wholeNumber } from './read-options.js'

interface DecomposeArguments {
  readonly out: string
  readonly anatomies: readonly string[]
  readonly offline?: boolean
  readonly endpoint?: string
  readonly apiModel?: string
  readonly apiKeyEnv?: string
  readonly retries: number
  readonly retryDelay: number
  readonly timeout: number
  readonly parallel: number
  readonly resume?: boolean
}

/** Exit code where some reports failed and others did not. */
const SOME_FAILED = 3

const usualKey = 'OPENAI_API_KEY'

export function decomposeCommand(): Command {
  return new Command('decompose')
    .description(
      'Take reports apart by anatomy, as fVLM is trained with them: writes desc_info.json and conc_info.json',
    )
    .argument('<reports>', 'a CSV with VolumeName, Findings_EN and Impressions_EN, or a folder of .txt files')
    .option('--out <folder>', 'where the files go', join('out', 'decompose'))
    .option('--anatomies <names>', 'separated by commas', nameList, Object.keys(totalSegmentatorLabels))
    .addOption(new Option('--offline', 'by rules on words, without a language model').conflicts('endpoint'))
    .option(
      '--endpoint <url>',
      'address of an OpenAI-compatible API, such as http://localhost:8000/v1; reports are sent there',
    )
    .option('--api-model <name>', 'the model, as the endpoint names it')
    .option('--api-key-env <name>', `environment variable with the key; default ${usualKey}, where it is set`)
    .option('--retries <number>', 'of a request that fails in passing', wholeNumber, 5)
    .option(
      '--retry-delay <seconds>',
      'before the first of them; doubled for each further one',
      numberBetween(0, 60),
      1,
    )
    .option('--timeout <seconds>', 'for one answer', numberBetween(0.001, 3600), 120)
    .option('--parallel <number>', 'reports at a time', numberBetween(1, 64), 4)
    .option('--resume', 'keep what the folder has of unchanged reports, and go on')
    .action(decompose)
}

function nameList(text: string): string[] {
  const names = [...new Set(text.split(',').map((name) => name.trim()))].filter((name) => name !== '')
  if (names.length === 0) throw new InvalidArgumentError('Give names separated by commas.')
  return names
}

async function decompose(path: string, options: DecomposeArguments): Promise<void> {
  const method = methodOf(options)
  const reports = await readRawReports(path)
  const folder = await DecompositionFolder.open(options.out, method.record, options.resume ?? false)
  const waiting = reports.filter((report) => !folder.has(report))
  if (options.endpoint && waiting.length > 0) console.error(`sending ${waiting.length} reports to ${options.endpoint}`)
  const progress = new Progress(process.stderr)
  const failures: { scan: string; message: string }[] = []
  const began = performance.now()
  let done = reports.length - waiting.length
  await inParallel(waiting, Math.floor(options.parallel), async (report) => {
    try {
      await folder.add(report, await method.take(report))
    } catch (error) {
      // What no request would survive ends the run; what is done stays for --resume.
      if (error instanceof EndpointError || !(error instanceof DataError)) throw error
      failures.push({ scan: report.scan, message: error.message })
      progress.clear()
      console.error(`voxgrad: ${report.scan}: ${error.message}`)
    }
    done++
    if (reports.length > 1) progress.showCount(done, reports.length, report.scan, performance.now() - began)
  })
  progress.clear()
  const { disputed } = await folder.finish(reports, failures)
  console.log(`${reports.length - failures.length} of ${reports.length} reports in ${folder.files.join(' and ')}`)
  if (disputed > 0) {
    console.log(
      `${disputed} times a section has words of an anatomy of which the model gives nothing: see ${folder.lines}`,
    )
  }
  if (options.offline) console.log(offlineNotice)
  if (failures.length > 0) {
    console.log(`failed, to be tried again with --resume: ${failures.map(({ scan }) => scan).join(', ')}`)
    process.exitCode = failures.length === reports.length ? 1 : SOME_FAILED
  }
}

interface Method {
  readonly record: DecompositionRecord
  take(report: RawReport): Promise<ReportParts>
}

function methodOf(options: DecomposeArguments): Method {
  const { anatomies, offline, endpoint: url, apiModel: model } = options
  if (offline) {
    const part = (section: string) => ({ texts: decomposeByRules(section, anatomies), disputed: [] })
    return {
      record: { method: 'rules', notice: offlineNotice, anatomies },
      take: async ({ findings, impression }) => ({ findings: part(findings), impression: part(impression) }),
    }
  }
  if (url === undefined || model === undefined) {
    throw new DataError('fvlm decompose needs --endpoint and --api-model, or --offline for rules on words')
  }
  const endpoint: ChatEndpoint = {
    ...{ url, model, apiKey: keyOf(options), retries: options.retries },
    ...{ retryDelayMs: 1000 * options.retryDelay, timeoutMs: 1000 * options.timeout },
  }
  const prompt = createHash('sha256').update(systemPrompt).digest('hex')
  return {
    record: { method: 'language model', endpoint: url, model, prompt, anatomies },
    take: async ({ findings, impression }) => ({
      findings: await decomposeByChat(endpoint, findings, anatomies),
      impression: await decomposeByChat(endpoint, impression, anatomies),
    }),
  }
}

/** Servers of one's own often need none; a variable that was named must be set. */
function keyOf({ apiKeyEnv }: DecomposeArguments): string | undefined {
  const key = process.env[apiKeyEnv ?? usualKey]
  if (apiKeyEnv === undefined || (key !== undefined && key !== '')) return key || undefined
  throw new DataError(`the environment variable ${apiKeyEnv} is not set`, {
    remedy: 'Put the key of the endpoint there',
  })
}

/** Runs a task for all items, so many at a time; ends with the first error. */
async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  run: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  let stopped = false
  const work = async () => {
    for (const item of queue) {
      if (stopped) return
      await run(item).catch((error: unknown) => {
        stopped = true
        throw error
      })
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, work))
}
