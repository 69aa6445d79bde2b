/** The `voxgrad` command: parses arguments, runs a command, and turns what went wrong into one readable line. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { DataError } from '../data/index.js'
import { VoxgradError } from '../engine/index.js'
import { WeightsError } from '../models/index.js'
import { convertCommand } from './convert.js'
import { dataCommand } from './data.js'
import { demoCommand } from './demo.js'
import { doctorCommand } from './doctor.js'
import { embedCommand } from './embed.js'
import { evalCommand, probeCommand } from './eval.js'
import { evaluateCommand } from './evaluate.js'
import { fvlmCommand } from './fvlm.js'
import { indexCommand } from './index-scans.js'
import { infoCommand } from './info.js'
import { mapCommand } from './map.js'
import { phantomCommand } from './phantom.js'
import { plotCommand } from './plot.js'
import { randomWeightsCommand } from './random-weights.js'
import { searchCommand } from './search.js'
import { segmentCommand } from './segment.js'
import { similarityCommand } from './similarity.js'
import { trainCommand } from './train.js'
import { tuneCommand } from './tune.js'
import { zeroShotCommand } from './zeroshot.js'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('voxgrad')
  .description('3D medical vision-language models on WebGPU. Research use only, not for diagnosis.')
  .version(version)
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .addCommand(doctorCommand())
  .addCommand(embedCommand())
  .addCommand(zeroShotCommand())
  .addCommand(similarityCommand())
  .addCommand(mapCommand())
  .addCommand(indexCommand())
  .addCommand(searchCommand())
  .addCommand(evalCommand())
  .addCommand(probeCommand())
  .addCommand(evaluateCommand())
  .addCommand(fvlmCommand())
  .addCommand(randomWeightsCommand())
  .addCommand(segmentCommand())
  .addCommand(convertCommand())
  .addCommand(infoCommand())
  .addCommand(plotCommand())
  .addCommand(dataCommand())
  .addCommand(trainCommand())
  .addCommand(phantomCommand())
  .addCommand(demoCommand())
  .addCommand(tuneCommand())
  .addHelpText(
    'after',
    '\nWhere there is no GPU: voxgrad setup fetches a software adapter, and voxgrad run SCRIPT.js runs a program of yours on it.',
  )

/** Exit codes: 1 for a failed command, 2 for wrong usage. */
function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  const expected = error instanceof VoxgradError || error instanceof DataError || isSystemError(error)
  // A whole model's worth of names is for programs; a terminal gets the first few.
  const message = error instanceof WeightsError ? error.summary(6) : (error as Error)?.message
  console.error(expected ? `voxgrad: ${message}` : error)
  return 1
}

/** Errors of the operating system carry a code and a message that names the file. */
const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string' && 'syscall' in error

try {
  for (const command of program.commands) for (const own of [command, ...command.commands]) own.exitOverride()
  await program.parseAsync()
} catch (error) {
  process.exitCode = exitCodeOf(error)
}
