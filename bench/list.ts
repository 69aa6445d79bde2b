/** `--list`: what would run, found without a device. */
import type { BenchArguments } from './arguments.js'
import { rowLabel, selectCases } from './cases.js'
import { hostNames } from './host.js'
import { takeInventory } from './plan.js'
import { selectModels } from './run-model.js'

/** One line per row. Cases that a software adapter would skip are listed too. */
export async function listRows({ filter, quick, dtypes }: BenchArguments): Promise<string[]> {
  const { ops, models, failures } = await takeInventory()
  const selection = { filter, quick, dtypes, software: false }
  const cases = selectCases(ops, selection).flatMap(({ name, dtype, directions }) =>
    directions.map((direction) => rowLabel(name, direction, dtype)),
  )
  const ends = selectModels(models, selection).map(({ model, test, dtype }) =>
    rowLabel(`${model}/${test.name}`, 'model', dtype),
  )
  const host = hostNames.map((name) => rowLabel(name, 'host', 'f32')).filter((label) => filter?.test(label) ?? true)
  const broken = failures.map(({ name, reason }) => `${name} did not load: ${reason}`)
  return [...cases, ...ends, ...host, ...broken]
}
