/** The models of `bench/models`. */
import { type LoadFailure, loadFolder } from './discover.js'
import type { BenchModel } from './model.js'

export async function loadModels(): Promise<{ models: BenchModel[]; failures: LoadFailure[] }> {
  const { modules, failures } = await loadFolder('models')
  const models = modules.flatMap((module) => (module as { model?: BenchModel }).model ?? [])
  return { models, failures }
}
