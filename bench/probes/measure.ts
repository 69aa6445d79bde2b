/** Every probe of a run: its ceilings, measured once, before any case. */
import type { Probe } from '../schema.js'
import { arithmeticProbes } from './arithmetic.js'
import { latencyProbes } from './latency.js'
import { matrixProbes } from './matrices.js'
import { memoryProbes, workgroupProbes } from './memory.js'
import { type ProbeContext, runProbe } from './support.js'

/** Measures every probe, telling each as it comes. */
export async function measureProbes(context: ProbeContext, tell: (probe: Probe) => void): Promise<Probe[]> {
  const { device, quick } = context
  const plans = [
    ...arithmeticProbes(device),
    ...matrixProbes(device),
    ...memoryProbes(device, quick),
    ...workgroupProbes,
    ...latencyProbes,
  ]
  const probes: Probe[] = []
  for (const plan of plans) {
    const probe = await runProbe(context, plan)
    probes.push(probe)
    tell(probe)
  }
  return probes
}
