/** `voxgrad embed`: a scan to its embedding. */
import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { z } from 'zod'
import { DataError } from '../data/index.js'
import { Colipri, type ColipriConfig, colipriConfigSchema, colipriPublished } from '../models/index.js'
import { openDevice } from '../tuning/index.js'
import { encodeScan, norm, prepareScan, Stopwatch, withWeights } from './embed-scan.js'
import { addDeviceOptions, type DeviceArguments, researchNotice } from './options.js'

interface EmbedArguments extends DeviceArguments {
  readonly model: 'colipri'
  readonly weights: string
  readonly config?: string
  readonly dtype: 'f32' | 'f16'
  readonly json?: boolean
}

export function embedCommand(): Command {
  const command = new Command('embed')
    .description('Embed a CT scan (in HU) as a unit vector')
    .argument('<scan>', 'the scan: NIfTI, NRRD or MetaImage')
    .addOption(new Option('--model <name>', 'the model').choices(['colipri']).default('colipri'))
    .requiredOption(
      '--weights <file>',
      'its weights (.safetensors, .pth, .npz, or a folder); the published ones are model.safetensors of microsoft/colipri on the Hugging Face Hub',
    )
    .option('--config <file>', 'its architecture as JSON, if it is not the published one')
    .addOption(
      new Option('--dtype <type>', 'storage of parameters and activations').choices(['f32', 'f16']).default('f32'),
    )
    .option('--json', 'print the vector and everything about it as JSON')
  return addDeviceOptions(command).action(embed)
}

async function embed(scan: string, options: EmbedArguments): Promise<void> {
  const config = options.config ? await readConfig(options.config) : colipriPublished
  const stopwatch = new Stopwatch()
  const prepared = await prepareScan(scan, config, stopwatch)
  using device = await stopwatch.time('open device', () => openDevice(options))
  using model = new Colipri(device, { config, dtype: options.dtype, imageOnly: true })
  await stopwatch.time('load weights', () => withWeights(options.weights, (weights) => model.load(weights)))
  const embedding = await encodeScan(device, model, prepared, stopwatch)
  const report = {
    scan,
    model: options.model,
    weights: options.weights,
    dtype: options.dtype,
    device: device.capabilities.adapter.description,
    norm: norm(embedding),
    timesMs: stopwatch.timesMs,
    notice: researchNotice,
    embedding: Array.from(embedding),
  }
  if (options.json) console.log(JSON.stringify(report))
  else {
    console.log(`embedding of ${embedding.length} numbers, norm ${report.norm.toFixed(6)}`)
    console.log(report.embedding.map((value) => value.toFixed(6)).join(' '))
    for (const [stage, time] of Object.entries(stopwatch.timesMs)) console.log(`${stage.padEnd(14)}${time} ms`)
    console.log(researchNotice)
  }
}

async function readConfig(path: string): Promise<ColipriConfig> {
  const text = await readFile(path, 'utf8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new DataError(`is not JSON: ${(cause as Error).message}`, { path, cause })
  }
  const parsed = colipriConfigSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new DataError(`is no COLIPRI configuration: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`, { path })
}
