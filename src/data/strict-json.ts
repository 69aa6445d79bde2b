/**
 * The first key that occurs twice in one object of a JSON text, or undefined. JSON.parse silently keeps the last of
 * them, so that two readers of one file may see different things. The text must already have passed JSON.parse.
 */
export function findDuplicateKey(json: string): string | undefined {
  // One entry per open bracket: the keys seen so far for an object, nothing for an array.
  const open: (Set<string> | undefined)[] = []
  for (let position = 0; position < json.length; position++) {
    const character = json[position]
    if (character === '{') open.push(new Set())
    else if (character === '[') open.push(undefined)
    else if (character === '}' || character === ']') open.pop()
    else if (character === '"') {
      const start = position
      for (position++; json[position] !== '"'; position++) if (json[position] === '\\') position++
      if (!isFollowedByColon(json, position + 1)) continue
      const key = JSON.parse(json.slice(start, position + 1)) as string
      const keys = open.at(-1)
      if (keys?.has(key)) return key
      keys?.add(key)
    }
  }
  return undefined
}

function isFollowedByColon(json: string, position: number): boolean {
  let next = position
  while (next < json.length && ' \t\r\n'.includes(json[next]!)) next++
  return json[next] === ':'
}
