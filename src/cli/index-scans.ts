/** `voxgrad index`: scans to vectors in a store that can be searched. */
import { type Command, Option } from 'commander'
import { openStore, type StoreBackend, storeBackends } from '../search/index.js'
import { runScans, type ScanArguments, scanCommand, scansOf } from './scan-run.js'

interface IndexArguments extends ScanArguments {
  readonly store: string
  readonly backend: StoreBackend
}

export function indexCommand(): Command {
  return addStoreOptions(scanCommand('index', 'Embed CT scans and keep the vectors where they can be searched')).action(
    index,
  )
}

export function addStoreOptions(command: Command): Command {
  return command
    .option('--store <place>', 'the store: a folder, or with LanceDB also an object store (s3://...)', 'index')
    .addOption(
      new Option('--backend <name>', 'exact: safetensors and JSON, needs nothing; lancedb: needs @lancedb/lancedb')
        .choices(storeBackends)
        .default('exact'),
    )
}

async function index(scans: string[], options: IndexArguments): Promise<void> {
  const { store: location, backend } = options
  await runScans(await scansOf(scans, options), options, {
    ...{ command: 'index', configuration: { store: location, backend }, imageOnly: true },
    prepare: async (model) => {
      const whose = { model: await model.fingerprint(), dimensions: model.dimensions }
      // Opened before the first scan, so that a store of another model is refused at once.
      await (await openStore(location, backend, whose)).close()
      return {
        handle: async ({ embedding }) => ({ embedding: Array.from(embedding) }),
        table: {
          columns: Array.from({ length: model.dimensions }, (_, n) => `e${n}`),
          row: ({ embedding }) => embedding as number[],
        },
        print: ({ scan }) => scan,
        // At the end, from the results: these survive an interruption, and --resume goes on with them.
        finish: async (results) => {
          await using store = await openStore(location, backend, whose)
          const records = results.map(({ scan, sha256, embedding }) => ({
            ...{ id: scan, vector: embedding as number[], metadata: { scan, sha256 } },
          }))
          await store.add(whose.model, records)
          console.error(`${location}: ${await store.size()} scans`)
          return [location]
        },
      }
    },
  })
}
