/** Runs the worked example of docs/extending-kernels.md exactly as printed there. */
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { apply, gradcheck, scope, tensor } from '../../src/engine/index.js'
import { definedOps } from '../../src/engine/op.js'
import { elementwiseOp } from '../../src/kernels/elementwise/index.js'
import { type AnyOp, checkOperation } from '../support/check-operation.js'
import { testDevice } from '../support/device.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(root, 'docs/extending-kernels.md'), 'utf8')
const files = [...page.matchAll(/```\w+ file=(\S+)\n([\s\S]*?)```/g)].map(([, path, text]) => ({
  path: path!,
  text: text!,
}))

// The example imports its neighbours, so it is laid out beside links to the real ones.
const sandbox = join(root, 'out', 'extending-kernels')
rmSync(sandbox, { recursive: true, force: true })
for (const { path, text } of files) {
  mkdirSync(dirname(join(sandbox, path)), { recursive: true })
  writeFileSync(join(sandbox, path), text)
}
for (const folder of ['src/engine', 'src/numeric', 'src/kernels/reduce'])
  symlinkSync(join(root, folder), join(sandbox, folder))

await import(/* @vite-ignore */ join(sandbox, 'src/kernels/bias-silu-gate/index.ts'))
const device = await testDevice()

describe('docs/extending-kernels.md', () => {
  it('prints a whole folder', () => {
    expect(files.map(({ path }) => path.split('/').at(-1))).toEqual([
      'forward.wgsl',
      'backward.wgsl',
      'bias-silu-gate.ts',
      'index.ts',
    ])
  })

  checkOperation((definedOps() as unknown as AnyOp[]).find(({ name }) => name === 'biasSiluGate')!)

  it('shows a row that works', async () => {
    const softsign = elementwiseOp<Record<string, never>>({
      name: 'softsign',
      doc: 'x / (1 + |x|)',
      arguments: ['x'],
      forward: 'x / (1.0 + abs(x))',
      gradients: ['g / ((1.0 + abs(x)) * (1.0 + abs(x)))'],
      reference: ([x]) => x! / (1 + Math.abs(x!)),
    })
    expect(page).toContain("'x / (1.0 + abs(x))', 'g / ((1.0 + abs(x)) * (1.0 + abs(x)))'")
    const x = tensor(device, [0.5, -2])
    const y = scope(() => apply(softsign, [x], {}))
    expect(Array.from(await y.data())).toEqual([Math.fround(1 / 3), Math.fround(-2 / 3)])
    expect(await gradcheck((a) => apply(softsign, [a], {}), [x])).toBeLessThan(2e-2)
    x.dispose()
    y.dispose()
  })
})
