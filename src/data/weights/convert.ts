import { extname } from 'node:path'
import { DataError } from '../errors.js'
import { writeNpz } from '../numpy/npz.js'
import { type SafetensorsDtype, type SafetensorsHeader, safetensorsItemBytes } from '../safetensors-dtypes.js'
import { writeSafetensorsFrom } from '../safetensors-file.js'
import { elementCount } from '../shape.js'
import { castDtype, castTensor, type FloatDtype } from './cast.js'
import { type OpenWeightsOptions, openWeights } from './open.js'
import { type Selection, selectWeights } from './select.js'
import type { WeightSource } from './source.js'

export interface ConvertOptions extends Selection, Pick<OpenWeightsOptions, 'unknownClasses'> {
  /** Stores every float so; integers and booleans keep their types. */
  readonly dtype?: FloatDtype
}

export interface ConvertedTensor {
  readonly name: string
  readonly dtype: SafetensorsDtype
  readonly shape: readonly number[]
}

export interface Conversion {
  readonly tensors: readonly ConvertedTensor[]
  /** Bytes of values that were written. */
  readonly bytes: number
  readonly warnings: readonly string[]
}

type Writer = (
  path: string,
  headers: ReadonlyMap<string, SafetensorsHeader>,
  source: WeightSource,
  dtype: FloatDtype | undefined,
) => Promise<void>

const writers: ReadonlyMap<string, Writer> = new Map<string, Writer>([
  [
    '.safetensors',
    (path, headers, source, dtype) =>
      writeSafetensorsFrom(
        path,
        headers,
        async (name) => castTensor(await source.read(name), dtype, name),
        source.metadata,
      ),
  ],
  [
    '.npz',
    (path, headers, source, dtype) =>
      writeNpz(path, headers, async (name) => castTensor(await source.read(name), dtype, name)),
  ],
])

/**
 * Converts weights of any format that `openWeights` reads into `.safetensors` or `.npz`, tensor by tensor, so that memory
 * is that of the largest tensor. Tensors that share memory are written one by one, with a warning. Throws a DataError, and
 * leaves no half of a file, when something cannot be converted.
 */
export async function convertWeights(input: string, output: string, options: ConvertOptions = {}): Promise<Conversion> {
  const { dtype, unknownClasses = 'refuse', ...selection } = options
  const write = writers.get(extname(output).toLowerCase())
  if (!write) throw new DataError('only .safetensors and .npz can be written', { path: output })
  await using opened = await openWeights(input, { unknownClasses })
  const source = selectWeights(opened, selection)
  const headers = new Map(
    source.names.map((name) => {
      const header = source.header(name)
      return [name, { ...header, dtype: castDtype(header.dtype, dtype) }]
    }),
  )
  await write(output, headers, source, dtype)
  const tensors = [...headers].map(([name, header]) => ({ name, ...header }))
  const bytes = tensors.reduce((sum, { dtype, shape }) => sum + elementCount(shape) * safetensorsItemBytes(dtype), 0)
  return { tensors, bytes, warnings: warningsOf(source, output) }
}

function warningsOf(source: WeightSource, output: string): string[] {
  const warnings = source.sharing.map(
    (names) =>
      `${names.slice(0, 4).join(', ')}${names.length > 4 ? ' …' : ''} shared memory and were written separately`,
  )
  if (source.otherValues.length > 0) {
    warnings.push(`left out, as no tensors: ${source.otherValues.slice(0, 8).join(', ')}`)
  }
  if (Object.keys(source.metadata).length > 0 && !output.toLowerCase().endsWith('.safetensors')) {
    warnings.push(`left out: metadata ${Object.keys(source.metadata).slice(0, 8).join(', ')}`)
  }
  return warnings
}
