import { checkConfig } from '../../../src/train/index.js'
import { regressionRecipe } from '../../support/regression.js'

/** What the process that is killed and the one that goes on have in common. */
export const killedConfig = checkConfig({ train: { steps: 6 }, output: { saveEvery: 2 } }, 'test', regressionRecipe)
