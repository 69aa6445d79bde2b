/** `voxgrad plot`: three planes of a scan as a picture. */
import { Command, InvalidArgumentError, Option } from 'commander'
import {
  gridOf,
  type IntensityWindow,
  isDicomMask,
  readDicomMask,
  readVolume,
  renderOrthogonalSlices,
  resampleToGrid,
  type SliceOptions,
  type Volume,
  type WindowPreset,
  windowPresets,
  writePng,
} from '../data/index.js'
import { addReadOptions, numberBetween, numberList, type ReadArguments, readOptions } from './read-options.js'

interface PlotArguments extends ReadArguments {
  readonly out: string
  readonly overlay?: string
  readonly opacity: number
  readonly outline: boolean
  readonly window: IntensityWindow | WindowPreset
  readonly at?: [number, number, number]
  readonly pixelMm?: number
  readonly colourBar: boolean
}

export function plotCommand(): Command {
  const names = ['auto', ...Object.keys(windowPresets)].join(', ')
  const command = new Command('plot')
    .description('Draw an axial, a coronal and a sagittal plane of a scan as PNG')
    .argument('<file>', 'the scan: NIfTI, NRRD, MetaImage, or DICOM (file, folder or zip)')
    .requiredOption('-o, --out <file>', 'the picture')
    .option(
      '--overlay <file>',
      'a label map, drawn in colour, also DICOM SEG and RTSTRUCT; brought to the grid of the scan',
    )
    .addOption(new Option('--opacity <part>', 'of the labels').argParser(numberBetween(0, 1)).default(0.35))
    .option('--no-outline', 'without the outlines of the labels')
    .addOption(
      new Option('--window <window>', `grey values: ${names}, or center,width`).argParser(window).default('auto'),
    )
    .addOption(
      new Option('--at <x,y,z>', 'the place to cut at, in mm (RAS+); default the middle').argParser(numberList(3)),
    )
    .addOption(new Option('--pixel-mm <mm>', 'size of a pixel').argParser(numberBetween(1e-3, 1e3)))
    .option('--no-colour-bar', 'without the bar of grey values')
  return addReadOptions(command).action(plot)
}

async function plot(file: string, options: PlotArguments): Promise<void> {
  const volume = await readVolume(file, readOptions(options))
  const settings: SliceOptions = {
    window: options.window,
    overlayOpacity: options.opacity,
    overlayOutline: options.outline,
    colourBar: options.colourBar,
    ...(options.at === undefined ? {} : { pointMm: options.at }),
    ...(options.pixelMm === undefined ? {} : { pixelMm: options.pixelMm }),
    ...(options.overlay === undefined ? {} : { overlay: await readOverlay(options.overlay, volume) }),
  }
  const image = renderOrthogonalSlices(volume, settings)
  await writePng(options.out, image)
  console.log(`${options.out}: ${image.width} x ${image.height} pixels`)
}

/** Labels are never blended: between grids each voxel takes the nearest label, and none outside. */
async function readOverlay(path: string, volume: Volume): Promise<Volume> {
  if (await isDicomMask(path)) return (await readDicomMask(path, volume, { overlap: 'later' })).volume
  const labels = await readVolume(path)
  const same =
    labels.shape.every((size, axis) => size === volume.shape[axis]) &&
    labels.affine.every((value, n) => Math.abs(value - volume.affine[n]!) < 1e-3)
  return same ? labels : resampleToGrid(labels, gridOf(volume), { interpolation: 'nearest', outside: 0 })
}

function window(text: string): IntensityWindow | WindowPreset {
  if (text === 'auto' || Object.hasOwn(windowPresets, text)) return text as WindowPreset
  const [center, width] = text.includes(',') ? numberList(2)(text) : []
  if (center !== undefined && width !== undefined && width > 0) return { center, width }
  throw new InvalidArgumentError(`Give auto, ${Object.keys(windowPresets).join(', ')}, or center,width.`)
}
