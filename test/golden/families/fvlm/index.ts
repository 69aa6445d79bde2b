/** Family `fvlm`: towers, pooling, objective, training, preprocessing, captions, zero-shot and metrics of fVLM. */
import type { Runner } from './common.js'
import {
  runAugment,
  runCaptions,
  runEvalWindow,
  runHuWindow,
  runPreprocess,
  runResample1d,
  runTargetSize,
} from './data.js'
import { runDropout } from './dropout.js'
import { runFullSizeText, runFullSizeVision } from './full-size.js'
import { runMetrics } from './metrics.js'
import { runCheckpointKeys, runMaeInit, runOrganPooling, runTextTower, runVisionTower } from './towers.js'
import { runTrainForward, runTrainSteps } from './training.js'
import { runZeroShot, runZeroShotFormula } from './zero-shot.js'

const runners: Readonly<Record<string, Runner>> = {
  augment: runAugment,
  captions: runCaptions,
  'checkpoint-keys': runCheckpointKeys,
  dropout: runDropout,
  'eval-window': runEvalWindow,
  'full-size-text': runFullSizeText,
  'full-size-vision': runFullSizeVision,
  'hu-window': runHuWindow,
  'mae-init': runMaeInit,
  metrics: runMetrics,
  'organ-pooling': runOrganPooling,
  preprocess: runPreprocess,
  'resample-1d': runResample1d,
  'resample-target-size': runTargetSize,
  'text-tower': runTextTower,
  'train-forward': runTrainForward,
  'train-steps': runTrainSteps,
  'vision-tower': runVisionTower,
  'zero-shot': runZeroShot,
  'zero-shot-formula': runZeroShotFormula,
}

export const fvlmOps: ReadonlySet<string> = new Set(Object.keys(runners))

export const runFvlm: Runner = (row, dir, device) => runners[row.op]!(row, dir, device)
