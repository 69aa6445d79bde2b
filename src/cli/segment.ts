/** `voxgrad segment`: a CT scan to a label map in the scan's own grid. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { openWeights, preprocess, readVolume, restoreGrid, type Volume, writeVolume } from '../data/index.js'
import { type Device, type DType, VoxgradError } from '../engine/index.js'
import { Stopwatch } from '../inference/index.js'
import {
  type Merging,
  type NameRule,
  renameWeights,
  segmenterConfigOf,
  storedMerging,
  VelvetSegmenter,
  velvetSegmentationPreprocessing,
  velvetSide,
  velvetWeightRules,
  type WeightSource,
  WeightsError,
} from '../models/index.js'
import { openDevice } from '../tuning/index.js'
import { addDeviceOptions, type DeviceArguments, researchNotice } from './options.js'
import { Progress } from './progress.js'
import { addReadOptions, type ReadArguments, readOptions } from './read-options.js'

interface SegmentArguments extends DeviceArguments, ReadArguments {
  readonly weights: string
  readonly out: string
  readonly layout: keyof typeof layouts
  readonly merging?: Merging
  readonly overlap: number
  readonly blending: 'uniform' | 'gaussian'
  readonly batch: number
  readonly window: number
  readonly dtype?: DType
}

/** How the tensors of a file are named. */
const layouts = {
  velvet: velvetWeightRules.velvetSegmenter,
  monai: velvetWeightRules.swinUnetr,
} satisfies Record<string, NameRule>

export function segmentCommand(): Command {
  const command = new Command('segment')
    .description('Label the voxels of a CT scan (in HU) with a SwinUNETR')
    .argument('<scan>', 'the scan: NIfTI, NRRD, MetaImage, or DICOM (file, folder or zip)')
    .requiredOption('--weights <file>', 'weights of a fine-tuned segmenter (.safetensors, .pt, .pth, .bin)')
    .requiredOption('--out <file>', 'where the label map goes, in the grid of the scan: .nii.gz, .nrrd or .mha')
    .addOption(
      new Option('--layout <name>', "whose names the weights have: VELVET-Med's, or MONAI's SwinUNETR")
        .choices(Object.keys(layouts))
        .default('velvet'),
    )
    .addOption(
      new Option(
        '--merging <variant>',
        'patch merging that the weights were trained with, where the file does not say; default legacy',
      ).choices(['legacy', 'fixed', 'v2']),
    )
    .option('--overlap <part>', 'part of a window that the next one covers too', parseOverlap, 0.25)
    .addOption(
      new Option('--blending <kind>', 'how overlapping windows are weighed')
        .choices(['uniform', 'gaussian'])
        .default('uniform'),
    )
    .option('--window <voxels>', 'side of the windows, a multiple of 32', parseWindow, velvetSide)
    .option('--batch <windows>', 'windows at once', parseCount, 1)
    .addOption(
      new Option(
        '--dtype <type>',
        'storage of parameters and activations; default f32, or f16 where windows of f32 are beyond the largest binding',
      ).choices(['f32', 'f16']),
    )
  return addReadOptions(addDeviceOptions(command)).action(segment)
}

function parseOverlap(text: string): number {
  const overlap = Number(text)
  if (!(text.trim() !== '' && overlap >= 0 && overlap < 1)) throw new InvalidArgumentError('It is from 0 to below 1.')
  return overlap
}

function parseCount(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('It is a whole number from 1 on.')
  return Number(text)
}

function parseWindow(text: string): number {
  const side = parseCount(text)
  if (side % 32 !== 0) throw new InvalidArgumentError('It is a multiple of 32.')
  return side
}

async function segment(path: string, options: SegmentArguments): Promise<void> {
  const stopwatch = new Stopwatch()
  const scan = await stopwatch.time('read', () => readVolume(path, readOptions(options)))
  const prepared = await stopwatch.time('preprocess', () => preprocess(scan, velvetSegmentationPreprocessing))
  using device = await stopwatch.time('open device', () => openDevice(options))
  using model = await stopwatch.time('load weights', async () => {
    await using weights = await openWeights(options.weights)
    return await loadSegmenter(device, weights, options)
  })
  const labels = await stopwatch.time('segment', () => labelScan(model, prepared, options))
  const restored = restoreGrid({ ...prepared, data: labels }, prepared.history, { interpolation: 'nearest' })
  await stopwatch.time('write', () => writeVolume(options.out, restored))
  console.log(
    `${options.out}: ${restored.shape.join(' x ')} voxels, ${model.config.classes} classes, in ${model.parameters.dtype}`,
  )
  for (const [stage, time] of Object.entries(stopwatch.timesMs)) console.log(`${stage.padEnd(14)}${time} ms`)
  console.log(researchNotice)
}

async function loadSegmenter(
  device: Device,
  weights: WeightSource,
  { layout, merging, dtype, window, batch }: SegmentArguments,
): Promise<VelvetSegmenter> {
  const rule = layouts[layout]
  const config = segmenterConfigOf(renameWeights(weights, rule).renamed, merging ?? storedMerging(weights) ?? 'legacy')
  const widestBytes = 4 * batch * window ** 3 * config.vision.features
  const fitting = widestBytes <= device.capabilities.maxBindingBytes ? 'f32' : 'f16'
  const model = new VelvetSegmenter(device, { config, dtype: dtype ?? fitting })
  try {
    await model.load(weights, rule)
  } catch (error) {
    model.dispose()
    // Every tensor that does not fit, not the first few that a terminal gets of other models: the origin shows in the names.
    throw error instanceof WeightsError ? new VoxgradError(error.message) : error
  }
  return model
}

async function labelScan(
  model: VelvetSegmenter,
  prepared: Volume,
  { overlap, blending, batch: windowBatch, window: side }: SegmentArguments,
): Promise<Uint8Array> {
  const progress = new Progress(process.stderr)
  const onProgress = (done: number, total: number): void => progress.show(`${done} of ${total} windows`)
  const volume = { data: prepared.data as Float32Array, shape: prepared.shape }
  try {
    return await model.segment(volume, { window: [side, side, side], overlap, blending, windowBatch, onProgress })
  } finally {
    progress.clear()
  }
}
