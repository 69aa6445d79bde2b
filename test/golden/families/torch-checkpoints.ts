import { join } from 'node:path'
import { DataError } from '../../../src/data/errors.js'
import { readFileBytes } from '../../../src/data/files.js'
import { parseSafetensors } from '../../../src/data/safetensors.js'
import type { SafetensorsTensor } from '../../../src/data/safetensors-dtypes.js'
import { openTorchCheckpoint } from '../../../src/data/torch/checkpoint.js'
import { TorchRecord, type TorchValue } from '../../../src/data/torch/contents.js'
import { checkEqual, failure } from '../checks.js'
import type { CheckResult, GoldenRow } from '../types.js'

/** Rows of this family say what must be read in fields of their own. */
interface TorchRow extends GoldenRow {
  /** A safetensors file with every tensor. */
  readonly expected?: string
  /** Some of the values that are no tensors. */
  readonly other_values?: Readonly<Record<string, unknown>>
}

export const torchOps: ReadonlySet<string> = new Set(['read', 'refuse', 'either'])

/** Family `torch-checkpoints`: the tensors, bit by bit, and the values of a checkpoint, or that it is refused. */
export async function runTorchCheckpoints(row: TorchRow, dir: string): Promise<CheckResult[]> {
  const path = join(dir, row.file)
  if (row.op === 'read') return await checkContents(row, dir, path)
  try {
    const checks = await checkContents(row, dir, path)
    return row.op === 'either' ? checks : [failure('refused', 'the file was read')]
  } catch (error) {
    if (!(error instanceof DataError)) return [failure('refused', `not a DataError: ${error}`)]
    const named = error.message.includes(path)
    return [named ? checkEqual('refused', true, true) : failure('refused', `does not name the file: ${error.message}`)]
  }
}

async function checkContents(row: TorchRow, dir: string, path: string): Promise<CheckResult[]> {
  await using checkpoint = await openTorchCheckpoint(path)
  const got = new Map<string, SafetensorsTensor>()
  for (const name of checkpoint.names) got.set(name, await checkpoint.read(name))
  const checks = [checkEqual('readable', true, true)]
  if (row.expected !== undefined) {
    const expectedPath = join(dir, row.expected)
    const expected = parseSafetensors(await readFileBytes(expectedPath), expectedPath)
    checks.push(checkEqual('names', [...got.keys()].sort(), [...expected.names].sort()))
    for (const name of expected.names) checks.push(checkBits(name, got.get(name), expected.read(name)))
  }
  const values = plainValue(checkpoint.metadata) as Record<string, unknown>
  for (const [key, value] of Object.entries(row.other_values ?? {})) checks.push(checkEqual(key, values[key], value))
  return checks
}

function checkBits(name: string, got: SafetensorsTensor | undefined, expected: SafetensorsTensor): CheckResult {
  const text = ({ dtype, shape, data }: SafetensorsTensor) =>
    `${dtype} [${shape}] ${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')}`
  return checkEqual(name, got && text(got), text(expected))
}

/** As JSON would have it: objects of classes by their attributes. */
function plainValue(value: TorchValue): unknown {
  if (value instanceof TorchRecord) return plainValue(value.state)
  if (Array.isArray(value)) return value.map(plainValue)
  if (typeof value === 'bigint') return Number(value)
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainValue(item)]))
}
