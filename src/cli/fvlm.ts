/** `voxgrad fvlm`: what goes before training fVLM and after evaluating it. */
import { Command } from 'commander'
import { decomposeCommand } from './fvlm-decompose.js'
import { scoreCommand } from './fvlm-score.js'

export function fvlmCommand(): Command {
  return new Command('fvlm')
    .description('Reports by anatomy for training fVLM, and scores of its predictions')
    .addCommand(decomposeCommand())
    .addCommand(scoreCommand())
}
