/** Weights of the right names and shapes that mean nothing: to try everything out without a download. */
import { RandomStream, type SafetensorsHeader, writeSafetensorsFrom } from '../data/index.js'
import { sizeOf } from '../engine/index.js'
import { colipriParameters, fvlmParameters, type Initializer } from '../models/index.js'
import { describeCheckpoint, type ModelConfigs } from './checkpoint.js'

/** A model to make weights for, COLIPRI unless another is named. */
export type RandomModel =
  | { readonly model?: 'colipri'; readonly config: ModelConfigs['colipri'] }
  | { readonly model: 'fvlm'; readonly config: ModelConfigs['fvlm'] }

/**
 * Writes a checkpoint as training would start from it, with its configuration and a vocabulary of single characters in
 * the metadata. The same seed gives the same bytes on every machine. Needs no device.
 */
export async function writeRandomWeights(
  path: string,
  { seed, ...given }: RandomModel & { readonly seed: number },
): Promise<{ readonly tensors: number; readonly elements: number }> {
  const { model = 'colipri', config } = given
  const declared = given.model === 'fvlm' ? fvlmParameters(given.config) : colipriParameters(given.config)
  const parameters = new Map(declared.map((parameter, n) => [parameter.name, { parameter, n }]))
  const shapes = [...parameters].map(
    ([name, { parameter }]) => [name, [...parameter.declaration.shape]] as [string, number[]],
  )
  const headers = new Map<string, SafetensorsHeader>(shapes.map(([name, shape]) => [name, { dtype: 'F32', shape }]))
  const metadata = describeCheckpoint({
    ...{ model, config, vocabulary: characters().slice(0, config.text.vocabulary).join('\n') },
    note: `The weights are random (seed ${seed}): results mean nothing.`,
  })
  const read = async (name: string) => {
    const { parameter, n } = parameters.get(name)!
    const { shape, initial } = parameter.declaration
    const data = draw(initial, sizeOf(shape), new RandomStream(seed, n))
    return { dtype: 'F32' as const, shape: [...shape], data }
  }
  await writeSafetensorsFrom(path, headers, read, metadata)
  return { tensors: shapes.length, elements: shapes.reduce((sum, [, shape]) => sum + sizeOf(shape), 0) }
}

/**
 * Letters, digits and marks, each as a word and as the rest of one, so that English texts have no unknown words. Letters
 * come first: smaller vocabularies than the 141 of all have at least them.
 */
function characters(): string[] {
  const printable = Array.from({ length: 94 }, (_, n) => String.fromCharCode(33 + n))
  const groups = [/[a-z]/, /[0-9]/, /[^a-zA-Z0-9]/].map((group) =>
    printable.filter((character) => group.test(character)),
  )
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
  return [...special, ...groups.flatMap((group) => [...group, ...group.map((character) => `##${character}`)])]
}

function draw(initial: Initializer, size: number, random: RandomStream): Float32Array {
  const values = new Float32Array(size)
  switch (initial.kind) {
    case 'constant':
      return values.fill(initial.value)
    case 'uniform':
      for (let n = 0; n < size; n++) values[n] = random.uniform(-initial.bound, initial.bound)
      return values
    case 'normal':
    // Cut at two units, which is a hundred deviations: no draw comes near.
    case 'truncatedNormal':
      random.fillNormal(values)
      for (let n = 0; n < size; n++) values[n]! *= initial.std
      return values
  }
}
