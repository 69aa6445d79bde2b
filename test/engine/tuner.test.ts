/** The tuner on kernels whose variants are right, wrong, broken and slow on purpose; times come from a fake clock. */
import { describe, expect, it, vi } from 'vitest'
import {
  DeviceLostError,
  openDevice,
  planTuning,
  preferencesOf,
  preferenceTable,
  type TunerOptions,
  type TuningFault,
  type TuningResult,
  tune,
} from '../../src/engine/index.js'
import { chooseVariant } from '../../src/engine/kernel.js'
import { testDevice } from '../support/device.js'
import { doublingKernel, doublingWorkload, fakeClock } from '../support/tuning.js'

const device = await testDevice()
const tolerance = () => ({ relative: 1e-6, absolute: 1e-6 })

function options(times: Record<string, number>, more: Partial<TunerOptions> = {}) {
  const clock = fakeClock(device, times)
  const faults: TuningFault[] = []
  const results: TuningResult[] = []
  const listener = { fault: (fault: TuningFault) => faults.push(fault), result: (r: TuningResult) => results.push(r) }
  return { clock, faults, results, tolerance, listener, ...more }
}

const statuses = (result: TuningResult) =>
  Object.fromEntries(result.candidates.map(({ variant, status }) => [variant, status]))

describe('tune', () => {
  it('prefers the fastest, and keeps what is faster than the untuned one', async () => {
    const kernel = doublingKernel('tune fastest', [
      { name: 'first' },
      { name: 'fast' },
      { name: 'middling' },
      { name: 'portable' },
    ])
    const given = options({
      'tune fastest/first': 4,
      'tune fastest/fast': 1,
      'tune fastest/middling': 2,
      'tune fastest/portable': 9,
    })
    const { results, faults } = await tune(device, [doublingWorkload(kernel, 100)], given)
    expect(results).toHaveLength(1)
    expect(results[0]).toMatchObject({
      kernel: 'tune fastest',
      bucket: '100 elements',
      untuned: 'first',
      winner: 'fast',
      preferred: ['fast', 'middling', 'first'],
      speedup: 4,
    })
    expect(faults).toEqual([])
    expect(given.results).toEqual(results)
    const preferences = preferencesOf([preferenceTable(results)], 'this test')
    const { capabilities } = device
    expect(chooseVariant(kernel, { capabilities, preferences }, { count: 100 }).name).toBe('fast')
    expect(chooseVariant(kernel, { capabilities, preferences }, { count: 101 }).name).toBe('first')
  })

  it('never lets a candidate win that computes something else', async () => {
    const kernel = doublingKernel('tune wrong', [
      { name: 'wrong', expression: 'select(2.0 * x[i], 0.0, i == 57u)' },
      { name: 'lazy', expression: 'y[i]' },
      { name: 'poisoned', expression: 'bitcast<f32>(0x7fc00000u + arrayLength(&x) - arrayLength(&y))' },
      { name: 'portable' },
    ])
    const given = options({ 'tune wrong/portable': 1 })
    const { results, faults } = await tune(device, [doublingWorkload(kernel, 100)], given)
    expect(statuses(results[0]!)).toEqual({ wrong: 'wrong', lazy: 'wrong', poisoned: 'wrong', portable: 'measured' })
    expect(results[0]).toMatchObject({ untuned: 'wrong', winner: 'portable', preferred: ['portable'] })
    expect(results[0]).not.toHaveProperty('speedup')
    expect(faults.map(({ kind, variant }) => `${kind} ${variant}`)).toEqual([
      'wrong wrong',
      'wrong lazy',
      'wrong poisoned',
    ])
    expect(faults[0]).toMatchObject({ kernel: 'tune wrong', bucket: '100 elements', workload: 'twice 100' })
    expect(given.faults).toEqual(faults)
  })

  it('never lets a candidate win that does not compile, and measures the others', async () => {
    const kernel = doublingKernel('tune broken', [
      { name: 'broken', expression: 'no_such_function(x[i])' },
      { name: 'sound' },
      { name: 'portable' },
    ])
    const given = options({ 'tune broken/sound': 1, 'tune broken/portable': 2 })
    const { results, faults } = await tune(device, [doublingWorkload(kernel, 64)], given)
    expect(statuses(results[0]!)).toEqual({ broken: 'failed', sound: 'measured', portable: 'measured' })
    expect(results[0]!.preferred).toEqual(['sound', 'portable'])
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatchObject({ kind: 'failed', variant: 'broken' })
    expect(faults[0]!.reason).toContain('no_such_function')
  })

  it('says on the console what nobody listens to', async () => {
    const kernel = doublingKernel('tune aloud', [{ name: 'wrong', expression: '1.0' }, { name: 'portable' }])
    const error = vi.spyOn(console, 'error').mockImplementation(() => undefined)
    const clock = fakeClock(device, { 'tune aloud/portable': 1 })
    await tune(device, [doublingWorkload(kernel, 10)], { clock, tolerance })
    expect(error.mock.calls.flat().join()).toMatch(/tune aloud\/wrong computes something else.*10 elements.*bug/)
    error.mockRestore()
  })

  it('reports a portable variant that fails, and measures nothing against it', async () => {
    const kernel = doublingKernel('tune baseless', [{ name: 'fast' }, { name: 'portable', expression: 'nonsense' }])
    const { results, faults } = await tune(device, [doublingWorkload(kernel, 10)], options({}))
    expect(faults).toMatchObject([{ kind: 'failed', variant: 'portable' }])
    expect(results[0]).toMatchObject({ preferred: [], candidates: [] })
    expect(results[0]!.reason).toContain('nonsense')
    expect(preferenceTable(results)).toEqual({})
  })

  it('keeps the untuned variant where others are as fast or faster by noise only', async () => {
    const kernel = doublingKernel('tune ties', [{ name: 'first' }, { name: 'same' }, { name: 'portable' }])
    const given = options({ 'tune ties/first': 1, 'tune ties/same': 0.98, 'tune ties/portable': 1 })
    const { results } = await tune(device, [doublingWorkload(kernel, 10)], given)
    expect(results[0]).toMatchObject({ winner: 'first', preferred: ['first'], speedup: 1 })
  })

  it('orders ties as the kernel does', async () => {
    const kernel = doublingKernel('tune order', [{ name: 'slow' }, { name: 'b' }, { name: 'a' }, { name: 'portable' }])
    const times = { 'tune order/slow': 3, 'tune order/b': 1, 'tune order/a': 1, 'tune order/portable': 3 }
    const { results } = await tune(device, [doublingWorkload(kernel, 10)], options(times))
    expect(results[0]!.preferred).toEqual(['b', 'a', 'slow'])
  })

  it('leaves out what is known, and tells what it does', async () => {
    const kernel = doublingKernel('tune known', [{ name: 'first' }, { name: 'portable' }])
    const problems: string[] = []
    const given = options(
      { 'tune known/first': 1, 'tune known/portable': 2 },
      {
        isKnown: (name, bucket) => name === 'tune known' && bucket === '8 elements',
        listener: { problem: ({ bucket }, index, count) => problems.push(`${index} of ${count}: ${bucket}`) },
      },
    )
    const { results, plan } = await tune(device, [doublingWorkload(kernel, 8, 9, 8, 10)], given)
    expect(plan.problems.map(({ bucket }) => bucket)).toEqual(['8 elements', '9 elements', '10 elements'])
    expect(results.map(({ bucket }) => bucket)).toEqual(['9 elements', '10 elements'])
    expect(problems).toEqual(['0 of 2: 9 elements', '1 of 2: 10 elements'])
  })

  it('stops when it is told to, with what was found until then', async () => {
    const kernel = doublingKernel('tune abort', [{ name: 'first' }, { name: 'portable' }])
    const controller = new AbortController()
    const seen: string[] = []
    const { liveBytes } = device.memory()
    const given = options(
      { 'tune abort/first': 1, 'tune abort/portable': 2 },
      {
        signal: controller.signal,
        listener: {
          result({ bucket }) {
            seen.push(bucket)
            controller.abort(new Error('enough'))
          },
        },
      },
    )
    await expect(tune(device, [doublingWorkload(kernel, 8, 9)], given)).rejects.toThrow('enough')
    expect(seen).toEqual(['8 elements'])
    expect(device.memory().liveBytes).toBe(liveBytes)
  })

  it('times by itself where no clock is given', async () => {
    const kernel = doublingKernel('tune clock', [{ name: 'first' }, { name: 'portable' }])
    const { results } = await tune(device, [doublingWorkload(kernel, 10)], { tolerance, mostMs: 1 })
    expect(results[0]!.candidates.every(({ medianMs }) => medianMs! >= 0)).toBe(true)
    expect(results[0]!.preferred).toContain('first')
  })

  it('throws when a candidate takes the device down, and tells which', async () => {
    const mine = await openDevice()
    const { variants, ...kernel } = doublingKernel('tune lost', [{ name: 'killer' }, { name: 'portable' }])
    const killer = {
      ...variants[0]!,
      workgroups: () => {
        mine.gpu.destroy()
        return 1
      },
    }
    const workload = doublingWorkload({ ...kernel, variants: [killer, variants[1]!] }, 8)
    const faults: TuningFault[] = []
    const listener = { fault: (fault: TuningFault) => faults.push(fault) }
    const lost = tune(mine, [workload], { tolerance, clock: fakeClock(mine, {}), listener })
    await expect(lost).rejects.toThrow(DeviceLostError)
    expect(faults).toMatchObject([{ kind: 'failed', variant: 'killer' }])
  })
})

describe('planTuning', () => {
  const kernel = {
    ...doublingKernel('tune plan', [{ name: 'first' }, { name: 'portable' }]),
    bucket: ({ count }: { count: number }) => (count < 100 ? 'small' : 'large'),
    cost: ({ count }: { count: number }) => ({ flops: count, bytes: 0 }),
  }

  it('launches nothing', async () => {
    const before = device.recorder.submissionCount
    const { liveBytes } = device.memory()
    await planTuning(device, [doublingWorkload(kernel, 8, 200)])
    expect(device.recorder.submissionCount).toBe(before)
    expect(device.memory().liveBytes).toBe(liveBytes)
  })

  it('takes the costliest problem of each kind that the budget allows', async () => {
    const workloads = [doublingWorkload(kernel, 8, 20, 400, 10), doublingWorkload(kernel, 15, 300)]
    const problems = (plan: Awaited<ReturnType<typeof planTuning>>['problems']) =>
      plan.map(({ bucket, problem, workload }) => [bucket, problem, workload])
    const free = await planTuning(device, workloads)
    expect(problems(free.problems)).toEqual([
      ['small', { count: 20 }, workloads[0]!.name],
      ['large', { count: 400 }, workloads[0]!.name],
    ])
    const tight = await planTuning(device, workloads, { budget: { flops: 18, bytes: 0 } })
    expect(problems(tight.problems)).toEqual([['small', { count: 15 }, workloads[1]!.name]])
    expect(problems(tight.tooLarge)).toEqual([['large', { count: 300 }, workloads[1]!.name]])
  })

  it('has nothing to say of kernels without a choice', async () => {
    const alone = doublingKernel('tune alone', [{ name: 'first', supports: false }, { name: 'portable' }])
    const { problems } = await planTuning(device, [doublingWorkload(alone, 8)])
    expect(problems).toEqual([])
  })

  it('goes on behind a workload that cannot run', async () => {
    const impossible = {
      name: 'impossible',
      run: () => {
        throw new RangeError('no such thing')
      },
    }
    const { problems, failures } = await planTuning(device, [impossible, doublingWorkload(kernel, 8)])
    expect(failures).toEqual([{ workload: 'impossible', reason: 'no such thing' }])
    expect(problems).toHaveLength(1)
  })
})
