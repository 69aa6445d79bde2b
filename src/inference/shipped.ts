/** Small models that come with the package: trained on phantoms, good for nothing else. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** By name; docs/phantom-results.md says how each was trained and how good it is. */
export const shippedModels = ['colipri-phantom', 'fvlm-phantom', 'velvet-phantom'] as const
export type ShippedModel = (typeof shippedModels)[number]

/** The weights file of a shipped model. */
export const shippedWeights = (name: ShippedModel): string =>
  fileURLToPath(new URL(`../../models/${name}.safetensors`, import.meta.url))

/** What is given for weights: the name of a shipped model, unless there is a file or folder of that name, else a path. */
export function weightsPathOf(given: string): string {
  const name = shippedModels.find((shipped) => shipped === given)
  return name === undefined || existsSync(given) ? given : shippedWeights(name)
}
