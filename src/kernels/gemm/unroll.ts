/** Writes out in WGSL what a loop over an array would leave in memory: registers have names, not indices. */

const opening = /^\s*\/\/ each (\w+)\b/
const closing = /^\s*\/\/ end\b/

/**
 * Repeats the lines between `// each R` and its `// end` for R = 0 … `counts.R` - 1; blocks nest. In them, R as a word of
 * its own becomes the number as a u32, and a part `_R` of a name the number.
 */
export function unroll(wgsl: string, counts: Readonly<Record<string, number>>): string {
  return expand(wgsl.split('\n'), counts).join('\n')
}

function expand(lines: readonly string[], counts: Readonly<Record<string, number>>): string[] {
  const first = lines.findIndex((line) => opening.test(line))
  if (first < 0) return [...lines]
  const index = opening.exec(lines[first]!)![1]!
  const last = endOf(lines, first)
  const body = expand(lines.slice(first + 1, last), counts)
  const copies = Array.from({ length: counts[index]! }, (_, i) => body.map((line) => numbered(line, index, i)))
  return [...lines.slice(0, first), ...copies.flat(), ...expand(lines.slice(last + 1), counts)]
}

/** The line of the `// end` that belongs to the opening at `first`. */
function endOf(lines: readonly string[], first: number): number {
  let depth = 0
  return lines.findIndex((line, at) => {
    if (at < first) return false
    if (opening.test(line)) depth++
    if (closing.test(line)) depth--
    return depth === 0
  })
}

const numbered = (line: string, index: string, i: number): string =>
  line.replaceAll(new RegExp(`\\b${index}\\b`, 'g'), `${i}u`).replaceAll(new RegExp(`_${index}(?=_|\\b)`, 'g'), `_${i}`)
