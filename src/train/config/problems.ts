/** What is wrong with a configuration, in words that mend it. */
import { z } from 'zod'
import { nearest } from './nearest.js'

interface JsonSchema {
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly allOf?: readonly JsonSchema[]
}

type Path = readonly PropertyKey[]

const joined = (path: Path) => path.map(String).join('.')

/** Every key that a schema knows, as a path; those of list entries have a `*` for the position. */
export function knownPaths(schema: z.ZodType): string[] {
  const walk = (node: JsonSchema, path: string[]): string[][] => [
    ...Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
      const own = [...path, key]
      return [own, ...walk(child, own)]
    }),
    ...(node.items ? walk(node.items, [...path, '*']) : []),
    ...[...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])].flatMap((child) => walk(child, path)),
  ]
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  return [...new Set(walk(json, []).map(joined))]
}

/** One line for each issue; an unknown key comes with what may have been meant: there, or where a key of that name is. */
export function describeProblems({ issues }: Pick<z.ZodError, 'issues'>, known: readonly string[]): string[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(issue.path, key, known))
    const where = joined(issue.path)
    if (issue.code === 'invalid_union' && issue.errors.length > 0) {
      const inside = issue.errors.map((own) => own.map((each) => ({ ...each, path: [...issue.path, ...each.path] })))
      // Of several forms, the one that was begun: its mistakes are further inside.
      const begun = inside.find((own) =>
        own.every((each) => each.code === 'unrecognized_keys' || joined(each.path) !== where),
      )
      return begun
        ? describeProblems({ issues: begun }, known)
        : inside.map((own) => describeProblems({ issues: own }, known).join('; ')).join(', or ')
    }
    return [where === '' ? issue.message : `${where}: ${issue.message}`]
  })
}

function unknownKey(path: Path, key: string, known: readonly string[]): string {
  const parent = path.map((part) => (typeof part === 'number' ? '*' : String(part))).join('.')
  const siblings = known.flatMap((name) => {
    const cut = name.lastIndexOf('.')
    return name.slice(0, Math.max(0, cut)) === parent ? [name.slice(cut + 1)] : []
  })
  const [near] = nearest(key, siblings, { count: 1 })
  const prefix = path.length === 0 ? '' : `${joined(path)}.`
  const elsewhere = known.find((name) => name.endsWith(`.${key}`) || name === key)
  const [far] = nearest(
    key,
    known.map((name) => name.slice(name.lastIndexOf('.') + 1)),
    { count: 1 },
  )
  const meant = near ? prefix + near : (elsewhere ?? known.find((name) => far && name.endsWith(`.${far}`)))
  const advice = meant ? `did you mean ${meant}?` : `there are ${siblings.join(', ')}`
  return `${prefix}${key} is unknown: ${advice}`
}
