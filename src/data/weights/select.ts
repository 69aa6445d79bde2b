import { DataError } from '../errors.js'
import { matchesAny } from '../glob.js'
import type { WeightSource } from './source.js'

/** Which tensors, and under which names. */
export interface Selection {
  /** Patterns of which a name must match one, `*` standing for any text. Default: all. */
  readonly include?: readonly string[]
  /** Patterns of which a name must match none. */
  readonly exclude?: readonly string[]
  /** A start that every name left must have, and loses. */
  readonly stripPrefix?: string
  /** Texts to replace in names, each wherever it occurs, one after the other. */
  readonly rename?: readonly (readonly [from: string, to: string])[]
}

/**
 * A view of some tensors of a source, under new names; to close either closes both. Patterns are of the names in the file,
 * then the prefix goes, then texts are replaced. Throws a DataError when nothing is left, when a name lacks the prefix,
 * and when two tensors would have one name.
 */
export function selectWeights(source: WeightSource, selection: Selection): WeightSource {
  const { include = ['*'], exclude = [], stripPrefix = '', rename = [] } = selection
  const fail = (problem: string, remedy: string): never => {
    throw new DataError(problem, { path: source.path, remedy })
  }
  const chosen = source.names.filter((name) => matchesAny(include, name) && !matchesAny(exclude, name))
  if (chosen.length === 0) fail('no tensor is left', `There are ${source.names.slice(0, 5).join(', ') || 'none'}`)
  const originals = new Map<string, string>()
  for (const original of chosen) {
    if (!original.startsWith(stripPrefix)) {
      fail(`'${original}' does not begin with '${stripPrefix}'`, `Include '${stripPrefix}*' only`)
    }
    const name = rename.reduce(
      (text, [from, to]) => text.replaceAll(from, () => to),
      original.slice(stripPrefix.length),
    )
    const other = originals.get(name)
    if (other !== undefined) fail(`'${other}' and '${original}' would both be named '${name}'`, 'Rename one of them')
    originals.set(name, original)
  }
  const originalOf = (name: string): string =>
    originals.get(name) ?? fail(`there is no tensor '${name}'`, `The first are: ${[...originals.keys()].slice(0, 5)}`)
  const newNames = new Map([...originals].map(([name, original]) => [original, name]))
  const sharing = source.sharing.map((group) => group.flatMap((original) => newNames.get(original) ?? []))
  return {
    ...source,
    names: [...originals.keys()],
    sharing: sharing.filter((group) => group.length > 1),
    header: (name) => source.header(originalOf(name)),
    read: (name) => source.read(originalOf(name)),
    readFloat32: (name) => source.readFloat32(originalOf(name)),
    ...(source.readInto && {
      readInto: (name: string, target: Uint8Array) => source.readInto!(originalOf(name), target),
    }),
  }
}
