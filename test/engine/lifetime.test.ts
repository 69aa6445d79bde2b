import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const run = promisify(execFile)

/** A process of its own, because what this guards against is a crash. */
const program = `
  import { openDevice, scope, tensor } from './src/engine/index.ts'
  import { add } from './src/kernels/elementwise/index.ts'
  const device = await openDevice()
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 20; i++) device.gpu.createShaderModule({ code: '// ' + round + ' ' + i })
    globalThis.gc()
    const y = scope(() => add(tensor(device, [round]), 1))
    if ((await y.item()) !== round + 1) throw new Error('wrong')
    y.dispose()
  }
  device.destroy()
  console.log('alive')
`

describe('the WebGPU instance', () => {
  it('survives forced garbage collections', async () => {
    const loaders = ['--import', 'tsx', '--import', './scripts/wgsl-register.mjs']
    const { stdout } = await run(process.execPath, ['--expose-gc', ...loaders, '--input-type=module', '-e', program])
    expect(stdout).toContain('alive')
  })
})
