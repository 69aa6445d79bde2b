/** `voxgrad demo`: the main job on a made-up chest, from file to vector. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { makeChestPhantom, renderOrthogonalSlices, writeNifti, writePng } from '../data/index.js'
import { Colipri, type ColipriConfig, colipriPublished } from '../models/index.js'
import { openDevice } from '../tuning/index.js'
import { encodeScan, norm, prepareScan, Stopwatch } from './embed-scan.js'
import { addDeviceOptions, type DeviceArguments, researchNotice } from './options.js'

/** The published architecture, narrow and shallow, at 6 mm: seconds on a CPU. */
const demoConfig: ColipriConfig = {
  ...colipriPublished,
  image: {
    ...colipriPublished.image,
    inputSize: [64, 64, 64],
    spacingMm: [6, 6, 6],
    features: 96,
    depth: 4,
    heads: 4,
  },
}

interface DemoArguments extends DeviceArguments {
  readonly seed: string
  readonly out: string
}

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('Make a chest phantom, embed it, and draw it: everything works without data, weights or a GPU')
    .option('--seed <number>', 'seed of the phantom and of the weights', '1')
    .option('--out <folder>', 'where the scan and the picture go', join('out', 'demo'))
  return addDeviceOptions(command).action(demo)
}

async function demo({ seed: seedText, out, ...deviceOptions }: DemoArguments): Promise<void> {
  const seed = Number(seedText)
  const scanPath = join(out, 'chest-phantom.nii.gz')
  const picturePath = join(out, 'chest-phantom.png')
  const stopwatch = new Stopwatch()
  await mkdir(out, { recursive: true })
  const { volume, report } = await stopwatch.time('make phantom', () =>
    makeChestPhantom({ seed, shape: [160, 120, 128], spacingMm: [2.4, 2.4, 3], nodule: true }),
  )
  await stopwatch.time('write scan', () => writeNifti(scanPath, volume))
  await stopwatch.time('draw', () =>
    writePng(picturePath, renderOrthogonalSlices(volume, { window: 'lung', pixelMm: 1 })),
  )

  const prepared = await prepareScan(scanPath, demoConfig, stopwatch)
  using device = await stopwatch.time('open device', () => openDevice(deviceOptions))
  using model = new Colipri(device, { config: demoConfig, imageOnly: true })
  await stopwatch.time('make weights', async () => {
    model.initialize(seed)
    await device.sync()
  })
  const embedding = await encodeScan(device, model, prepared, stopwatch)

  console.log(`scan       ${scanPath}: ${report}`)
  console.log(`picture    ${picturePath}: axial, coronal and sagittal slices`)
  console.log(
    `adapter    ${device.capabilities.adapter.description} (${device.capabilities.software ? 'software' : 'hardware'})`,
  )
  console.log(`embedding  ${embedding.length} numbers, norm ${norm(embedding).toFixed(6)}`)
  for (const [stage, time] of Object.entries(stopwatch.timesMs))
    console.log(`  ${stage.padEnd(14)}${time.toFixed(1).padStart(8)} ms`)
  console.log('The weights are random until trained ones ship: this vector means nothing yet.')
  console.log(researchNotice)
}
