/** From a YAML file to options that are checked. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { DataError, readTextFile } from '../../data/index.js'
import type { Recipe } from '../recipe.js'
import { nearest } from './nearest.js'
import { describeProblems, knownPaths } from './problems.js'
import { type OutputOptions, outputSchema, type TrainOptions, trainSchema } from './schema.js'

/** A configuration that is complete: what was not given has its default. */
export interface TrainingConfig {
  /** Path of the file. */
  readonly path: string
  readonly recipe: Recipe
  readonly train: TrainOptions
  readonly output: OutputOptions
  /** The recipe's own sections, as its schema gives them. */
  readonly options: unknown
}

type Values = Readonly<Record<string, unknown>>

const isValues = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export interface ReadConfigOptions {
  readonly recipes: ReadonlyMap<string, Recipe>
  /** As in `train.optimizer.lr=1e-4`; values are YAML. */
  readonly set?: readonly string[] | undefined
}

/** Configurations that travel with the package. */
const shippedFolder = fileURLToPath(new URL('../../../recipes/', import.meta.url))

/** The path of a configuration: a file, or the bare name of a shipped one. Throws a DataError when it is neither. */
export function findConfig(name: string): string {
  const shipped = join(shippedFolder, `${name}.yaml`)
  const path = [name, ...(basename(name) === name ? [shipped, join(shippedFolder, name)] : [])].find((each) =>
    existsSync(each),
  )
  if (path !== undefined) return path
  const names = readdirSync(shippedFolder).map((file) => basename(file, extname(file)))
  const near = nearest(basename(name, extname(name)), names)
  const remedy =
    near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `Give the path of a YAML file, or ${names.join(', ')}`
  throw new DataError('there is no such configuration', { path: name, remedy })
}

/** Reads a configuration. Throws a DataError that names every wrong key with the one that was probably meant. */
export async function readConfig(name: string, options: ReadConfigOptions): Promise<TrainingConfig> {
  const path = findConfig(name)
  const values = parseYaml(await readTextFile(path), path)
  if (!isValues(values)) throw new DataError('is not a mapping of keys to values', { path })
  const given = (options.set ?? []).reduce(withSetting, values)
  return checkConfig(given, path, await findRecipe(given.recipe, path, options.recipes))
}

/** Checks sections against the trainer's schemas and the recipe's own. */
export function checkConfig(given: Values, path: string, recipe: Recipe): TrainingConfig {
  const { recipe: _, train: ownTrain, output: ownOutput, ...options } = given
  // A section without keys is null in YAML.
  const [train, output] = [ownTrain ?? {}, ownOutput ?? {}]
  const merged = isValues(train) ? merge(recipe.trainDefaults ?? {}, train) : train
  const own = z.strictObject({ train: trainSchema, output: outputSchema }).safeParse({ train: merged, output })
  const theirs = recipe.schema.safeParse(options)
  if (own.success && theirs.success) return { path, recipe, ...own.data, options: theirs.data }
  const known = [
    'recipe',
    ...knownPaths(z.object({ train: trainSchema, output: outputSchema })),
    ...knownPaths(recipe.schema),
  ]
  const errors = [own.error, theirs.error].flatMap((error) => (error ? describeProblems(error, known) : []))
  throw new DataError(`${errors.length === 1 ? '' : `${errors.length} mistakes: `}${errors.join('; ')}`, { path })
}

function parseYaml(text: string, path: string): unknown {
  const document = parseDocument(text, { uniqueKeys: true })
  const [error] = document.errors
  if (error) throw new DataError(`is not YAML: ${error.message.trim()}`, { path, cause: error })
  return document.toJS()
}

/** A recipe by its name, or by the path of a module beside the configuration that exports one as `recipe`. */
async function findRecipe(name: unknown, path: string, recipes: ReadonlyMap<string, Recipe>): Promise<Recipe> {
  const names = [...recipes.keys()]
  if (typeof name !== 'string') {
    throw new DataError(`recipe must be the name of one: ${names.join(', ')}`, { path })
  }
  const known = recipes.get(name)
  if (known) return known
  if (/\.[cm]?[jt]s$/.test(name)) return await importRecipe(resolve(dirname(path), name))
  const near = nearest(name, names)
  const advice = near.length > 0 ? `Did you mean ${near.join(' or ')}?` : `There are ${names.join(', ')}`
  throw new DataError(`there is no recipe '${name}'`, { path, remedy: advice })
}

async function importRecipe(path: string): Promise<Recipe> {
  const { recipe } = (await import(pathToFileURL(path).href)) as { recipe?: Recipe }
  if (recipe && typeof recipe.build === 'function' && recipe.schema) return recipe
  throw new DataError("exports no 'recipe' with a schema and a build function", { path })
}

/** The values with one of them set, as in `a.b=c`; what is on the way there is made. */
function withSetting(values: Values, setting: string): Values {
  const cut = setting.indexOf('=')
  const keys = setting.slice(0, Math.max(0, cut)).split('.')
  if (cut < 0 || keys.some((key) => key === '' || key === '__proto__')) {
    throw new DataError(`'${setting}' is no setting`, { path: '--set', remedy: 'Write it as train.optimizer.lr=1e-4' })
  }
  const value = parseYaml(setting.slice(cut + 1), `--set ${setting}`)
  return withValue(values, { keys, value, setting }) as Values
}

interface Setting {
  /** From the target on. */
  readonly keys: readonly string[]
  readonly value: unknown
  /** As it was given. */
  readonly setting: string
}

function withValue(target: unknown, { keys: [key, ...rest], value, setting }: Setting): unknown {
  if (key === undefined) return value
  const below = { keys: rest, value, setting }
  if (Array.isArray(target) && /^\d+$/.test(key)) {
    return Object.assign([...target], { [key]: withValue(target[Number(key)], below) })
  }
  const values = target ?? {}
  if (!isValues(values)) {
    throw new DataError(`'${setting}': the configuration has ${JSON.stringify(target)} where '${key}' would be a key`, {
      path: '--set',
      remedy: 'Set that as a whole',
    })
  }
  return { ...values, [key]: withValue(values[key], below) }
}

/** `over` on top of `base`, section by section; a choice by another `name` starts from nothing. */
function merge(base: Values, over: Values): Values {
  if ('name' in base && 'name' in over && base.name !== over.name) return over
  const merged: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const below = base[key]
    merged[key] = isValues(below) && isValues(value) ? merge(below, value) : value
  }
  // The two ways to say how long are one choice.
  if ('steps' in over && !('epochs' in over)) delete merged.epochs
  if ('epochs' in over && !('steps' in over)) delete merged.steps
  return merged
}

/** The name of a configuration without its folder and ending. */
export const configName = ({ path }: Pick<TrainingConfig, 'path'>): string => basename(path, extname(path))
