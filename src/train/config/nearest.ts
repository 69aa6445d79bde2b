/** Names that someone may have meant. */

/** Insertions, deletions, replacements and swaps of neighbours between two texts. */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => Array.from({ length: b.length + 1 }, (_, j) => i + j))
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped =
        i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : replaced
      rows[i]![j] = Math.min(replaced, swapped, rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1)
    }
  }
  return rows[a.length]![b.length]!
}

/** Up to `count` of the candidates, the most alike first; of those that are alike at all when `similar`. */
export function nearest(
  text: string,
  candidates: Iterable<string>,
  { count = 3, similar = true }: { readonly count?: number; readonly similar?: boolean } = {},
): string[] {
  const plain = (name: string) => name.toLowerCase().replace(/[-_ ]/g, '')
  return [...new Set(candidates)]
    .map((name) => ({ name, far: distance(plain(text), plain(name)) / Math.max(text.length, name.length, 1) }))
    .filter(({ far }) => !similar || far <= 0.5)
    .sort((a, b) => a.far - b.far)
    .slice(0, count)
    .map(({ name }) => name)
}
