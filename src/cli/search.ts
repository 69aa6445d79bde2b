/** `voxgrad search`: the scans of a store that are most like a text or a scan. */
import { Command, Option } from 'commander'
import { openStore, type StoreBackend } from '../search/index.js'
import { addStoreOptions } from './index-scans.js'
import { addModelOptions, type ModelArguments, openModel } from './model-options.js'
import { researchNotice } from './options.js'
import { Progress } from './progress.js'
import { addReadOptions, type ReadArguments, wholeNumber } from './read-options.js'
import { printNotice, scanOf } from './scan-run.js'

interface SearchArguments extends ModelArguments, ReadArguments {
  readonly text?: string
  readonly volume?: string
  readonly store: string
  readonly backend: StoreBackend
  readonly count: number
  readonly json?: boolean
}

export function searchCommand(): Command {
  const command = new Command('search')
    .description('Search a store for the scans most like a text or a scan. Research use only, not for diagnosis')
    .addOption(new Option('--text <text>', 'what to look for').conflicts('volume'))
    .option('--volume <scan>', 'the scan to look for others like')
    .addOption(new Option('--count <number>', 'how many').argParser(wholeNumber).default(10))
    .option('--json', 'print as JSON')
  return addReadOptions(addModelOptions(addStoreOptions(command))).action(search)
}

async function search(options: SearchArguments, command: Command): Promise<void> {
  const { text, volume, store: location, backend, count, json } = options
  if (text === undefined && volume === undefined) command.error('error: give --text or --volume')
  await using store = await openStore(location, backend)
  using model = await openModel(options, new Progress(process.stderr), text === undefined)
  const query = text === undefined ? await model.encodeImage(scanOf(volume!, options)) : await model.encodeText(text)
  const found = await store.search(await model.fingerprint(), query, count)
  if (json) {
    const note = model.note === undefined ? {} : { note: model.note }
    console.log(
      JSON.stringify({ ...{ query: text ?? volume, store: location, found, notice: researchNotice }, ...note }),
    )
    return
  }
  for (const { id, score } of found) console.log(`${score.toFixed(4).padStart(8)}  ${id}`)
  printNotice(model)
}
