/** Cases of zero-shot scoring: the formula, and two volumes from windows to probabilities. */
import {
  embedTexts,
  FindingPrompts,
  Fvlm,
  promptPair,
  type ZeroShotFinding,
  zeroShot,
  zeroShotProbability,
} from '../../../../src/models/index.js'
import { checkEqual, checkNumbers } from '../../checks.js'
import { readGolden } from '../../tensors.js'
import {
  checkOutputs,
  checkTensor,
  configOf,
  modelConfig,
  open,
  type Runner,
  tokenizerOf,
  weightsFile,
  weightsOf,
} from './common.js'

export const runZeroShotFormula: Runner = async (row, dir) => {
  const golden = await open(row, dir)
  const [volumes, features] = golden.entry('input.image_unit').shape as [number, number]
  const [items] = golden.entry('input.text_unit').shape as [number]
  const [image, text] = [golden.values('input.image_unit'), golden.values('input.text_unit')]
  const vector = (values: Float64Array, n: number) => values.subarray(n * features, (n + 1) * features)
  return (configOf(row).temps as number[]).map((temperature) => {
    const got = Array.from({ length: volumes * items }, (_, n) => {
      const item = n % items
      const own = vector(image, Math.floor(n / items))
      return zeroShotProbability(own, vector(text, 2 * item), vector(text, 2 * item + 1), temperature)
    })
    return checkTensor(row, golden, `output.temp_${temperature}.probability`, got)
  })
}

export const runZeroShot: Runner = async (row, dir, device) => {
  const config = configOf(row)
  const golden = await open(row, dir)
  const tokenizer = tokenizerOf(row, dir)
  const path = weightsFile(row, dir)
  const model = new Fvlm(device, {
    config: { ...modelConfig(config.model, tokenizer.size), evaluationWindow: config.roi },
  })
  await model.load(weightsOf(await readGolden(path), path))
  const items = config.items as [string, string, string, string][]
  const findings = items.map(
    ([anatomy, label, , positive]): ZeroShotFinding => ({ anatomy, label, wording: positive.replace(/\.$/, '') }),
  )
  const texts = findings.flatMap(promptPair)
  const encoded = tokenizer.encodeBatch(texts, { maxLength: config.model.text.length })
  const prompts = await FindingPrompts.embed(model, tokenizer, findings)
  const [volumes, ...extents] = golden.entry('input.image').shape as [number, number, number, number]
  const voxels = extents.reduce((a, b) => a * b)
  const results: Record<string, number[]> = {
    organ_unit: [],
    probability: [],
    window_start: [],
    window_end: [],
    window_padded: [],
  }
  const { anatomies, projectionFeatures } = model.config
  for (let n = 0; n < volumes; n++) {
    const scan = {
      image: Float32Array.from(golden.values('input.image').subarray(n * voxels, (n + 1) * voxels)),
      labels: Uint8Array.from(golden.values('input.seg').subarray(n * voxels, (n + 1) * voxels)),
      extents: extents as [number, number, number],
    }
    const { findings: scored, organs } = await zeroShot(model, scan, prompts)
    results.probability!.push(...scored.map(({ probability }) => probability ?? -1))
    for (const anatomy of anatomies) {
      const organ = organs.find((entry) => entry.anatomy === anatomy)
      results.organ_unit!.push(...(organ?.embedding ?? new Array<number>(projectionFeatures).fill(0)))
      for (const key of ['start', 'end', 'padded'] as const) {
        results[`window_${key}`]!.push(...(organ?.window[key] ?? [-1, -1, -1]))
      }
    }
  }
  const text = (await embedTexts(model, tokenizer, texts)).flatMap((vector) => [...vector])
  model.dispose()
  return [
    checkEqual(
      'prompts',
      texts,
      items.flatMap(([, , negative, positive]) => [negative, positive]),
    ),
    checkNumbers('input.prompt_ids', encoded.ids, golden.values('input.prompt_ids'), 0),
    checkNumbers('input.prompt_mask', encoded.mask, golden.values('input.prompt_mask'), 0),
    ...(await checkOutputs(row, golden, { ...results, text_unit: text })),
  ]
}
