/** Finds what there is to measure: a new folder of kernels or a new model file needs no entry anywhere. */
import { existsSync, readdirSync } from 'node:fs'
import { definedOps, type OpDefinition } from '../src/engine/op.js'

/** An operation whose options are none of the suite's business. */
export type AnyOp = OpDefinition<unknown>

/** A folder or file that could not be loaded. It becomes a row, so that one broken folder hides no other. */
export interface LoadFailure {
  readonly name: string
  readonly reason: string
}

const kernels = new URL('../src/kernels/', import.meta.url)

/** Imports every kernel folder (from source, or built) and gives the operations that are defined then. */
export async function loadOperations(): Promise<{ ops: AnyOp[]; failures: LoadFailure[] }> {
  const failures: LoadFailure[] = []
  for (const folder of readdirSync(kernels).sort()) {
    const face = ['index.ts', 'index.js'].map((file) => new URL(`${folder}/${file}`, kernels)).find(existsSync)
    if (face) await load(face, folder, failures)
  }
  return { ops: definedOps() as unknown as AnyOp[], failures }
}

/** Imports every module of a folder beside this file. */
export async function loadFolder(folder: string): Promise<{ modules: unknown[]; failures: LoadFailure[] }> {
  const failures: LoadFailure[] = []
  const root = new URL(`./${folder}/`, import.meta.url)
  const modules: unknown[] = []
  for (const file of readdirSync(root).sort()) {
    if (!/\.[jt]s$/.test(file) || file.endsWith('.d.ts')) continue
    modules.push(await load(new URL(file, root), `${folder}/${file}`, failures))
  }
  return { modules: modules.filter((module) => module !== undefined), failures }
}

async function load(url: URL, name: string, failures: LoadFailure[]): Promise<unknown> {
  try {
    return await import(url.href)
  } catch (error) {
    failures.push({ name, reason: error instanceof Error ? error.message.split('\n')[0]! : String(error) })
    return undefined
  }
}
