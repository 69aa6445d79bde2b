import { defineConfig } from 'vitest/config'
import { wgslPlugin } from './scripts/wgsl-module.mjs'

// On SwiftShader only the portable variants run, and slowly: this lane proves the bare minimum.
const bare = process.env.VOXGRAD_TEST_LANE === 'bare'

export default defineConfig({
  plugins: [wgslPlugin()],
  test: {
    include: bare ? ['test/kernels/operations.test.ts', 'test/engine/*.test.ts'] : ['test/**/*.test.ts'],
    // One process and one device for everything: a software adapter uses every core by itself, and pipelines stay warm.
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    setupFiles: ['test/support/property-seed.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
