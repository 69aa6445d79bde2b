/** Runs as the suite stores them, for tests of what reads them. */
import { emptyRow } from '../../bench/rows.js'
import type { Header, Probe, Row, Run } from '../../bench/schema.js'

export function header(changes: Partial<Header> = {}): Header {
  return {
    schema: 1,
    kind: 'header',
    date: '2026-10-05T12:00:00.000Z',
    commit: '0123456789abcdef',
    dirty: false,
    version: '0.1.0',
    webgpu: '0.6.2',
    node: 'v20.20.2',
    os: 'Linux',
    cpu: 'a CPU, 2 threads',
    adapter: { vendor: 'acme', architecture: 'one', device: 'GPU <1>', description: 'driver 5' },
    software: false,
    driver: 'driver 5',
    features: ['shader-f16'],
    limits: { maxBufferSize: 2 ** 32 },
    subgroupMatrixConfigs: [{ componentType: 'f16', resultComponentType: 'f32', m: 16, n: 16, k: 16 }],
    toggles: { enabled: ['skip_validation'], disabled: [] },
    profile: 'fast',
    quick: false,
    method: 'timestamp queries',
    probes: [
      probe({ name: 'f32 multiply-add', kind: 'fma', unit: 'GFLOP/s', value: 1000, dtype: 'f32' }),
      probe({ name: 'matrix', kind: 'matrix', unit: 'GFLOP/s', value: 8000, dtype: 'f16', resultDtype: 'f32' }),
      probe({ name: 'matrix f16', kind: 'matrix', unit: 'GFLOP/s', value: 16000, dtype: 'f16', resultDtype: 'f16' }),
      probe({ name: 'small', kind: 'memory', unit: 'GB/s', value: 500, access: 'read', workingSetBytes: 2 ** 16 }),
      probe({ name: 'large', kind: 'memory', unit: 'GB/s', value: 100, access: 'read', workingSetBytes: 2 ** 28 }),
      probe({ name: 'copy', kind: 'memory', unit: 'GB/s', value: 80, access: 'copy', workingSetBytes: 2 ** 28 }),
    ],
    ...changes,
  }
}

function probe(fields: Pick<Probe, 'name' | 'kind' | 'unit' | 'value'> & Partial<Probe>): Probe {
  return { status: 'ok', ceilingOf: 'something', note: '', ...fields }
}

export function row(changes: Partial<Row> = {}): Row {
  return {
    ...emptyRow({ name: 'matmul/square', op: 'matmul', case: 'square', direction: 'forward', dtype: 'f32' }),
    variant: 'matmul/portable',
    shape: [
      [4, 4],
      [4, 4],
    ],
    correct: true,
    maxRelError: 1e-7,
    clock: 'timestamp',
    samples: 20,
    repeats: 10,
    medianMs: 1,
    p20Ms: 0.98,
    p80Ms: 1.02,
    madMs: 0.01,
    cv: 0.02,
    coldMedianMs: 1.5,
    flops: 1e9,
    bytes: 1e6,
    gflops: 1000,
    gbps: 1,
    intensity: 1000,
    bound: 'compute',
    fractionOfProbe: 1,
    pace: null,
    ...changes,
  }
}

/** The same row so many times slower, with as little spread. */
export function scaled(original: Row, factor: number): Row {
  const times = {
    medianMs: original.medianMs! * factor,
    p20Ms: original.p20Ms! * factor,
    p80Ms: original.p80Ms! * factor,
  }
  return { ...original, ...times, fractionOfProbe: original.fractionOfProbe! / factor }
}

export const run = (rows: readonly Row[], changes: Partial<Header> = {}): Run => ({ header: header(changes), rows })
