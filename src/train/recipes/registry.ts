import { type Recipe, recipeRegistry } from '../recipe.js'

const all: readonly Recipe[] = []

/** Every recipe that a configuration can name. Others are named by the path of their module. */
export const recipes = recipeRegistry(all)
