/** `voxgrad embed`: scans to vectors. */
import type { Command } from 'commander'
import type { ScanResult } from './results.js'
import { runScans, type ScanArguments, scanCommand, scansOf } from './scan-run.js'

export function embedCommand(): Command {
  return scanCommand('embed', 'Embed CT scans (in HU) as unit vectors').action(embed)
}

async function embed(scans: string[], options: ScanArguments): Promise<void> {
  await runScans(await scansOf(scans, options), options, {
    ...{ command: 'embed', configuration: {}, imageOnly: true },
    prepare: async (model) => ({
      handle: async ({ embedding }) => ({
        model: await model.fingerprint(),
        dtype: model.dtype,
        device: model.device.capabilities.adapter.description,
        norm: Math.hypot(...embedding),
        embedding: Array.from(embedding),
      }),
      table: {
        columns: Array.from({ length: model.dimensions }, (_, n) => `e${n}`),
        row: ({ embedding }) => embedding as number[],
      },
      print: (result) => describe(result, scans),
    }),
  })
}

/** The whole vector of a single scan; of many only that they are there. */
function describe({ scan, embedding, norm }: ScanResult, inputs: readonly string[]): string {
  const vector = embedding as number[]
  const title = `${scan}: ${vector.length} numbers, norm ${(norm as number).toFixed(6)}`
  const single = inputs.length === 1 && inputs[0] === scan
  return single ? `${title}\n${vector.map((value) => value.toFixed(6)).join(' ')}` : title
}
