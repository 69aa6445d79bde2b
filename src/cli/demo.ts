/** `voxgrad demo`: the main job on a made-up chest, from file to vector and findings. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { makeChestPhantom, renderOrthogonalSlices, writeNifti, writePng } from '../data/index.js'
import { loadModel, Stopwatch, writeRandomWeights } from '../inference/index.js'
import { colipriTiny } from '../models/index.js'
import { addDeviceOptions, type DeviceArguments, researchNotice } from './options.js'

interface DemoArguments extends DeviceArguments {
  readonly seed: string
  readonly out: string
}

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('Make a chest phantom, embed it, and draw it: everything works without data, weights or a GPU')
    .option('--seed <number>', 'seed of the phantom and of the weights', '1')
    .option('--out <folder>', 'where the scan, the picture and the weights go', join('out', 'demo'))
  return addDeviceOptions(command).action(demo)
}

async function demo({ seed: seedText, out, ...deviceOptions }: DemoArguments): Promise<void> {
  const seed = Number(seedText)
  const scanPath = join(out, 'chest-phantom.nii.gz')
  const picturePath = join(out, 'chest-phantom.png')
  const weights = join(out, 'random-weights.safetensors')
  const stopwatch = new Stopwatch()
  await mkdir(out, { recursive: true })
  const { volume, report } = await stopwatch.time('make phantom', () =>
    makeChestPhantom({ seed, shape: [160, 120, 128], spacingMm: [2.4, 2.4, 3], nodule: true }),
  )
  await stopwatch.time('write scan', () => writeNifti(scanPath, volume))
  await stopwatch.time('draw', () =>
    writePng(picturePath, renderOrthogonalSlices(volume, { window: 'lung', pixelMm: 1 })),
  )
  await stopwatch.time('make weights', () => writeRandomWeights(weights, { config: colipriTiny, seed }))
  using model = await stopwatch.time('load model', () => loadModel('colipri', { weights, deviceOptions }))
  const embedding = await stopwatch.time('embed', () => model.encodeImage(scanPath))
  const findings = await stopwatch.time('zero-shot', () =>
    model.zeroShot(embedding, { findings: ['Lung nodule', 'Pleural effusion'] }),
  )

  const { adapter, software } = model.device.capabilities
  console.log(`scan       ${scanPath}: ${report}`)
  console.log(`picture    ${picturePath}: axial, coronal and sagittal slices`)
  console.log(`weights    ${weights}: small and random`)
  console.log(`adapter    ${adapter.description} (${software ? 'software' : 'hardware'})`)
  console.log(`embedding  ${embedding.length} numbers, norm ${Math.hypot(...embedding).toFixed(6)}`)
  for (const { finding, probability } of findings) console.log(`finding    ${finding}: ${probability.toFixed(4)}`)
  for (const [stage, time] of Object.entries(stopwatch.timesMs))
    console.log(`  ${stage.padEnd(14)}${time.toFixed(1).padStart(8)} ms`)
  console.log(`${model.note} Try: npx voxgrad zeroshot ${scanPath} --weights ${weights} --report out.html`)
  console.log(researchNotice)
}
