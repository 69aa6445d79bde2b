/** Every recipe there is. */
import { type Recipe, recipeRegistry } from '../recipe.js'
import { clip3dRecipe } from './clip3d.js'
import { colipriRecipes } from './colipri.js'
import { fvlmRecipe } from './fvlm.js'
import { velvetRecipe } from './velvet.js'

/** By the name that a configuration gives. */
export const recipes: ReadonlyMap<string, Recipe> = recipeRegistry([
  clip3dRecipe,
  ...colipriRecipes,
  fvlmRecipe,
  velvetRecipe,
] as readonly Recipe[])
