/** From sections of a configuration to something that can be trained. */
import type { z } from 'zod'
import { type Device, ValueError } from '../engine/index.js'
import type { TrainingTask } from './task.js'

/** What the trainer decides, and a recipe builds with. */
export interface BuildContext {
  readonly device: Device
  /** Of the initial weights and of everything else that is drawn once. */
  readonly seed: number
  /** Storage of parameters and activations: the model's `dtype`. */
  readonly dtype: 'f32' | 'f16'
  /** Whether blocks recompute their activations in the backward pass. */
  readonly checkpointing: boolean
}

/** A way to train a model, known by its name in configurations. */
export interface Recipe<Options = unknown> {
  /** As in `recipe: colipri-c`. */
  readonly name: string
  /** One line for lists. */
  readonly doc: string
  /** The recipe's own sections (`model`, `data`, `objective`), beside `recipe`, `train` and `output`. Strict throughout. */
  readonly schema: z.ZodType<Options>
  /** Also decides `train` values where the configuration is silent: those of the paper. */
  readonly trainDefaults?: Readonly<Record<string, unknown>>
  build(options: Options, context: BuildContext): Promise<TrainingTask>
}

/** Recipes by name. A list of recipes is handed to the trainer's configuration, so that tests can bring their own. */
export function recipeRegistry(recipes: readonly Recipe[]): ReadonlyMap<string, Recipe> {
  const registry = new Map(recipes.map((recipe) => [recipe.name, recipe]))
  if (registry.size < recipes.length) throw new ValueError('recipes: two have the same name')
  return registry
}
