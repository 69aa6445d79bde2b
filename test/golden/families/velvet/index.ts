/** Family `velvet`: VELVET-Med's parts against the golden data (its README describes the format). */
import type { Device } from '../../../../src/engine/index.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import { VelvetCase } from './common.js'
import { runSwinFullWidth, runTriBertFullWidth } from './fullwidth.js'
import { runJoint } from './joint.js'
import {
  runDecoders,
  runDiceCe,
  runLocalLoss,
  runMatchingWeights,
  runReportLoss,
  runVisionLosses,
} from './objectives.js'
import {
  runArea,
  runAugment,
  runIntegers,
  runM3d,
  runRetrieval,
  runSegmentationPreprocessing,
} from './preprocessing.js'
import { runSegmentationMetrics, runSlidingWindow, runSwinUnetr } from './segmentation.js'
import { runPatchMerging, runSwinBlock, runSwinEncoder, runSwinTables } from './swin.js'
import { runMaskedTokens, runSentenceMask, runTextLevels, runTextTokens, runTriBert } from './text.js'

const runners: Readonly<Record<string, (golden: VelvetCase) => Promise<void>>> = {
  'swin-encoder': runSwinEncoder,
  'swin-block': runSwinBlock,
  'patch-merging': runPatchMerging,
  'swin-tables': runSwinTables,
  tribert: runTriBert,
  'sentence-mask': runSentenceMask,
  'text-levels': runTextLevels,
  'text-tokens': runTextTokens,
  mlm: runMaskedTokens,
  'loss-clip': runReportLoss,
  'loss-local': runLocalLoss,
  'matching-weights': runMatchingWeights,
  'loss-vision-ssl': runVisionLosses,
  'vision-ssl-decoders': runDecoders,
  'dice-ce': runDiceCe,
  'swin-fullwidth': runSwinFullWidth,
  'tribert-fullwidth': runTriBertFullWidth,
  joint: runJoint,
  retrieval: runRetrieval,
  swinunetr: runSwinUnetr,
  'sliding-window': runSlidingWindow,
  'seg-metrics': runSegmentationMetrics,
  'prep-integers': runIntegers,
  'prep-area': runArea,
  'prep-m3d': runM3d,
  'prep-seg': runSegmentationPreprocessing,
  augment: runAugment,
}

export const velvetOps: ReadonlySet<string> = new Set(Object.keys(runners))

export async function runVelvet(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  const golden = await VelvetCase.open(row, dir, device)
  await runners[row.op]!(golden)
  return golden.finish()
}
