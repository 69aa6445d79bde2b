/** Family `velvet`: VELVET-Med's parts against the golden data (its README describes the format). */
import type { Device } from '../../../../src/engine/index.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import { VelvetCase } from './common.js'
import {
  runDecoders,
  runDiceCe,
  runLocalLoss,
  runMatchingWeights,
  runReportLoss,
  runVisionLosses,
} from './objectives.js'
import { runPatchMerging, runSwinBlock, runSwinEncoder, runSwinTables } from './swin.js'
import {
  runMaskedTokens,
  runSentenceMask,
  runTextLevels,
  runTextTokens,
  runTriBert,
} from './text.js'

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
}

export const velvetOps: ReadonlySet<string> = new Set(Object.keys(runners))

export async function runVelvet(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  const golden = await VelvetCase.open(row, dir, device)
  await runners[row.op]!(golden)
  return golden.checks
}
