/** `voxgrad convert`: weights from one format to another. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { type ConvertOptions, convertWeights } from '../data/index.js'

interface ConvertArguments {
  readonly dtype?: 'f32' | 'f16' | 'bf16'
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly rename: readonly (readonly [string, string])[]
  readonly stripPrefix?: string
  readonly unknownClasses?: boolean
  readonly json?: boolean
}

const dtypes = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const

export function convertCommand(): Command {
  return new Command('convert')
    .description('Convert weights: PyTorch checkpoints, safetensors, npz and npy to safetensors or npz')
    .argument('<in>', '.pth, .pt, .bin, .safetensors, .npz, .npy, an index .json, or a folder with one of these')
    .argument('<out>', '.safetensors or .npz')
    .addOption(new Option('--dtype <type>', 'store floats so; integers stay').choices(Object.keys(dtypes)))
    .option('--include <pattern>', 'only tensors of such names, * standing for any text (repeatable)', collect, [])
    .option('--exclude <pattern>', 'no tensors of such names (repeatable)', collect, [])
    .option('--strip-prefix <text>', 'take this from the start of every name')
    .option('--rename <from=to>', 'replace a text in every name (repeatable)', collectRename, [])
    .option('--unknown-classes', 'keep objects of unknown Python classes as plain data instead of refusing the file')
    .option('--json', 'print what was converted as JSON')
    .action(convert)
}

function collect(value: string, values: readonly string[]): string[] {
  return [...values, value]
}

function collectRename(value: string, values: ConvertArguments['rename']): ConvertArguments['rename'] {
  const at = value.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('it has the form FROM=TO')
  return [...values, [value.slice(0, at), value.slice(at + 1)]]
}

async function convert(input: string, output: string, given: ConvertArguments): Promise<void> {
  const options: ConvertOptions = {
    exclude: given.exclude,
    rename: given.rename,
    unknownClasses: given.unknownClasses ? 'record' : 'refuse',
    ...(given.include.length > 0 ? { include: given.include } : {}),
    ...(given.stripPrefix === undefined ? {} : { stripPrefix: given.stripPrefix }),
    ...(given.dtype === undefined ? {} : { dtype: dtypes[given.dtype] }),
  }
  const { tensors, bytes, warnings } = await convertWeights(input, output, options)
  if (given.json) {
    console.log(JSON.stringify({ input, output, bytes, warnings, tensors }))
    return
  }
  for (const { name, dtype, shape } of tensors)
    console.log(`${dtype.padEnd(5)}${`[${shape.join(', ')}]`.padEnd(24)}${name}`)
  for (const warning of warnings) console.error(`voxgrad: ${warning}`)
  console.log(`${tensors.length} tensors, ${bytes} bytes: ${output}`)
}
