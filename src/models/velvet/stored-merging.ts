/** The variant of patch merging, kept beside the weights that were trained with it: their shapes do not tell. */
import { VoxgradError } from '../../engine/index.js'
import type { WeightSource } from '../weights.js'
import { type Merging, mergingSchema, type SwinConfig } from './config.js'

const key = 'velvet.merging'

/** What to write beside the weights of an encoder or a segmenter: the `metadata` of a safetensors file. */
export const mergingMetadata = ({ merging }: Pick<SwinConfig, 'merging'>): Record<string, string> => ({
  [key]: merging,
})

/**
 * The variant that a file says its weights were trained with; undefined where it does not say.
 *
 * @throws VoxgradError when it names a variant that there is not.
 */
export function storedMerging({ path, metadata }: WeightSource): Merging | undefined {
  const text = metadata?.[key]
  if (text === undefined) return undefined
  const parsed = mergingSchema.safeParse(text)
  if (!parsed.success) {
    throw new VoxgradError(`${path}: says ${key} '${text}'. It is one of ${mergingSchema.options.join(', ')}`)
  }
  return parsed.data
}

/** @throws VoxgradError when a file says that its weights were trained with another variant than the model has. */
export function checkMerging(source: WeightSource, { merging }: Pick<SwinConfig, 'merging'>): void {
  const stored = storedMerging(source)
  if (stored !== undefined && stored !== merging) {
    throw new VoxgradError(
      `${source.path}: these weights were trained with patch merging '${stored}', and the model has '${merging}'. ` +
        `Make the model with merging: '${stored}'`,
    )
  }
}
