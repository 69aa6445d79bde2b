/** What `voxgrad tune --export` writes: measurements of one device, for the tables that ship with the package. */
import { z } from 'zod'
import type { Capabilities, PreferenceTable } from '../engine/index.js'
import { deviceKindOf } from '../kernels/index.js'
import { packageVersion } from './package-version.js'

export const tuningExportSchema = z.object({
  format: z.literal('voxgrad tuning export'),
  version: z.literal(1),
  /** Kind of device that the table is for, such as `software`; null for a vendor that has no table. */
  kind: z.string().nullable(),
  adapter: z.object({ vendor: z.string(), architecture: z.string(), device: z.string(), description: z.string() }),
  webgpu: z.string(),
  /** ISO 8601. */
  date: z.string(),
  /** By kernel and bucket: variants, the best first. */
  preferences: z.record(z.string(), z.record(z.string(), z.array(z.string()).min(1))),
})
export type TuningExport = z.infer<typeof tuningExportSchema>

export function tuningExport(
  capabilities: Pick<Capabilities, 'adapter' | 'software'>,
  preferences: PreferenceTable,
  date = new Date(),
): TuningExport {
  return {
    format: 'voxgrad tuning export',
    version: 1,
    kind: deviceKindOf(capabilities) ?? null,
    adapter: { ...capabilities.adapter },
    webgpu: packageVersion('webgpu'),
    date: date.toISOString(),
    preferences: preferences as TuningExport['preferences'],
  }
}
