/** `voxgrad info`: what a file of volumes says about itself. */
import { Command } from 'commander'
import { type ReadVolumeOptions, readVolumeInfo, type VolumeInfo } from '../data/index.js'
import { addReadOptions, type ReadArguments, readOptions } from './read-options.js'

interface InfoArguments extends ReadArguments {
  readonly json?: boolean
}

export function infoCommand(): Command {
  const command = new Command('info')
    .description('What a scan says about itself: grid, orientation, type. Reads the header only')
    .argument('<file>', 'the scan: NIfTI, NRRD, MetaImage, or DICOM (file, folder or zip)')
    .option('--json', 'print everything as JSON')
  return addReadOptions(command).action(info)
}

async function info(file: string, options: InfoArguments): Promise<void> {
  const described = await readVolumeInfo(file, readOptions(options) satisfies ReadVolumeOptions)
  console.log(options.json ? JSON.stringify(described) : table(described))
}

function table(described: VolumeInfo): string {
  const { format, shape, spacingMm, orientation, affine, volumes, storedDtype, source } = described
  const short = (value: number) => String(Number(value.toFixed(4)))
  const list = (values: readonly number[], unit: string) => `${values.map(short).join(' x ')} ${unit}`
  const size = shape.map((count, axis) => (count * spacingMm[axis]!) / 10)
  const rows: [string, string][] = [
    ['file', source.path],
    ['format', format],
    ['voxels', shape.join(' x ') + (volumes > 1 ? `, ${volumes} volumes` : '')],
    ['spacing', list(spacingMm, 'mm')],
    ['size', list(size, 'cm')],
    [
      'orientation',
      `${orientation} (the axes run toward ${[...orientation].map((letter) => sides[letter]).join(', ')})`,
    ],
    ['type', storedDtype + (source.bigEndian ? ', big-endian' : '')],
  ]
  if (source.slope !== 1 || source.intercept !== 0) {
    rows.push(['scaling', `stored x ${short(source.slope)} + ${short(source.intercept)}`])
  }
  rows.push([
    'affine',
    [0, 1, 2]
      .map(
        (row) =>
          `[${affine
            .slice(row * 4, row * 4 + 4)
            .map(short)
            .join(' ')}]`,
      )
      .join(' '),
  ])
  if (source.format === 'nifti') rows.push(['frames', `sform ${source.sformCode}, qform ${source.qformCode}`])
  if (source.format === 'nrrd') rows.push(['space', source.space])
  if (source.format === 'dicom') {
    rows.push(
      ['modality', source.modality],
      ['series', source.seriesInstanceUid],
      ['files', String(source.files.length)],
    )
    if (source.accepted.length > 0) rows.push(['accepted', source.accepted.join(', ')])
  }
  if (source.description !== '') rows.push(['description', source.description])
  return rows.map(([name, value]) => `${name.padEnd(12)} ${value}`).join('\n')
}

const sides: Record<string, string> = {
  R: 'right',
  L: 'left',
  A: 'anterior',
  P: 'posterior',
  S: 'superior',
  I: 'inferior',
}
