/** Family `colipri`: towers, checkpoints, windows, decoder, training and formula weights of the COLIPRI model. */
import type { Device } from '../../../../src/engine/index.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import { runFormula } from './formula.js'
import { runCheckpointKeys, runMaskedTokens, runPatchDecode, runTrain, runWindowed } from './parts.js'
import { runTowers } from './towers.js'

type Runner = (row: GoldenRow, dir: string, device: Device) => Promise<CheckResult[]>

const runners: Readonly<Record<string, Runner>> = {
  checkpoint_keys: runCheckpointKeys,
  colipri_towers: runTowers,
  colipri_train: runTrain,
  colipri_windowed: runWindowed,
  colipri_formula: runFormula,
  masked_tokens: runMaskedTokens,
  patch_decode: runPatchDecode,
}

export const colipriOps: ReadonlySet<string> = new Set(Object.keys(runners))

export function runColipri(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  return runners[row.op]!(row, dir, device)
}
