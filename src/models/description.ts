/** What a weights file of ours says about itself in the metadata of its safetensors header. */

/** Keys of the metadata. Published checkpoints have none of them. */
export const descriptionKeys = {
  model: 'voxgrad.model',
  config: 'voxgrad.config',
  vocabulary: 'voxgrad.vocabulary',
  note: 'voxgrad.note',
} as const

export interface WeightsDescription {
  /** The family, such as `colipri`. */
  readonly model: string
  /** Of the architecture; stored as JSON. */
  readonly config?: object | undefined
  /** The text of a `vocab.txt`. */
  readonly vocabulary?: string | undefined
  /** What whoever uses the weights must know, such as that they are random. */
  readonly note?: string | undefined
}

export function describeWeights({
  model,
  config,
  vocabulary,
  note,
}: WeightsDescription): Readonly<Record<string, string>> {
  return {
    [descriptionKeys.model]: model,
    ...(config && { [descriptionKeys.config]: JSON.stringify(config) }),
    ...(vocabulary !== undefined && { [descriptionKeys.vocabulary]: vocabulary }),
    ...(note !== undefined && { [descriptionKeys.note]: note }),
  }
}
