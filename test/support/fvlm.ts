/** fVLM at toy widths, for phantoms. */
import { type LabelMapping, phantomLabels } from '../../src/data/index.js'
import { type FvlmConfig, fvlmTiny } from '../../src/models/index.js'

/** Few tokens: a phantom's chest is some 300 x 250 x 90 voxels at the model's spacing. */
export const tinyFvlm: FvlmConfig = {
  ...fvlmTiny,
  vision: { ...fvlmTiny.vision, patch: [16, 32, 64], trainingGrid: [2, 2, 1] },
}

/** A phantom has no esophagus. */
export const phantomOrgans: LabelMapping = {
  lung: [phantomLabels.rightLung, phantomLabels.leftLung],
  heart: [phantomLabels.heart],
  esophagus: [],
  aorta: [phantomLabels.aorta],
}
