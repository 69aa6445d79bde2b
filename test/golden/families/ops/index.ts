/** Family `ops`: one operator per case, with outputs and gradients from a float64 reference. */
import { join } from 'node:path'
import { type Device, gradients, scope, Tensor, tensor } from '../../../../src/engine/index.js'
import { add, mul } from '../../../../src/kernels/elementwise/index.js'
import { sum } from '../../../../src/kernels/reduce/index.js'
import { checkNumbers, failure } from '../../checks.js'
import { type GoldenFile, goldenBound, readGolden } from '../../tensors.js'
import type { CheckResult, GoldenRow } from '../../types.js'
import type { OpAdapters, OpOutputs } from './adapter.js'
import { attentionAdapters } from './attention.js'
import { elementwiseAdapters } from './elementwise.js'
import { layoutAdapters } from './layout.js'
import { lossesAdapters } from './losses.js'
import { matmulAdapters } from './matmul.js'
import { optimizerAdapters } from './optimizer.js'
import { reductionsAdapters } from './reductions.js'
import { volumeAdapters } from './volume.js'
import { volumeSamplingAdapters } from './volume-sampling.js'

const adapters: OpAdapters = {
  ...elementwiseAdapters,
  ...reductionsAdapters,
  ...matmulAdapters,
  ...layoutAdapters,
  ...lossesAdapters,
  ...volumeAdapters,
  ...volumeSamplingAdapters,
  ...attentionAdapters,
  ...optimizerAdapters,
}

export const opNames: ReadonlySet<string> = new Set(Object.keys(adapters))

/** Compares every output and every gradient that the case has. */
export async function runOp(row: GoldenRow, dir: string, device: Device): Promise<CheckResult[]> {
  const golden = await readGolden(join(dir, row.file))
  const leaves = inputTensors(golden, device)
  const outputs = await adapters[row.op]!({ device, x: leaves, params: row.params })
  const checks: CheckResult[] = []
  for (const name of golden.names('output.')) {
    const output = outputs[name]
    const want = golden.values(`output.${name}`)
    const bound = goldenBound(row, `output.${name}`, want)
    if (output === undefined) checks.push(failure(`output.${name}`, 'not computed'))
    else
      checks.push(checkNumbers(`output.${name}`, output instanceof Tensor ? await output.data() : output, want, bound))
  }
  const wanted = golden.names('grad.')
  if (wanted.length > 0) {
    const results = scope(() =>
      gradients(
        loss(outputs, golden, device),
        wanted.map((name) => leaves[name]!),
      ),
    )
    for (const [i, name] of wanted.entries()) {
      const want = golden.values(`grad.${name}`)
      checks.push(checkNumbers(`grad.${name}`, await results[i]!.data(), want, goldenBound(row, `grad.${name}`, want)))
      results[i]!.dispose()
    }
  }
  for (const value of [...Object.values(leaves), ...Object.values(outputs)])
    if (value instanceof Tensor) value.dispose()
  return checks
}

function inputTensors(golden: GoldenFile, device: Device): Record<string, Tensor> {
  const leaves: Record<string, Tensor> = {}
  for (const prefix of ['input.', 'weight.']) {
    for (const name of golden.names(prefix)) {
      const { dtype, shape } = golden.entry(prefix + name)
      const kind = dtype === 'I32' ? 'i32' : dtype === 'U8' ? 'u32' : 'f32'
      leaves[name] = tensor(device, golden.values(prefix + name), shape, {
        dtype: kind,
        requiresGrad: golden.has(`grad.${name}`),
      })
    }
  }
  return leaves
}

/** The sum over outputs of output times cotangent, whose gradients the case holds. */
function loss(outputs: OpOutputs, golden: GoldenFile, device: Device): Tensor {
  const parts = golden.names('cotangent.').map((name) => {
    const output = outputs[name]
    if (!(output instanceof Tensor)) throw new Error(`output ${name} has a cotangent and is not a tensor`)
    return sum(mul(output, tensor(device, golden.values(`cotangent.${name}`), output.shape)))
  })
  return parts.reduce((a, b) => add(a, b))
}
