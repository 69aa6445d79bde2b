/** Preferred variants that ship with the package, for devices on which nobody has measured. */
import {
  type Capabilities,
  countBuckets,
  type PreferenceTable,
  preferencesOf,
  type VariantPreferences,
} from '../engine/index.js'
import { shippedTables } from './shipped-tables.js'

/** Kinds of devices that there is a table for; a table may be empty. */
export const deviceKinds = ['software', 'nvidia', 'apple', 'intel', 'amd'] as const
export type DeviceKind = (typeof deviceKinds)[number]

/** Software adapters are one kind, GPUs go by their vendor; undefined for other vendors. */
export function deviceKindOf({
  software,
  adapter,
}: Pick<Capabilities, 'software' | 'adapter'>): DeviceKind | undefined {
  if (software) return 'software'
  return deviceKinds.find((kind) => adapter.vendor.toLowerCase().includes(kind))
}

export interface ShippedTable {
  readonly name: string
  readonly table: PreferenceTable
}

/** The table for a device: of its `vendor/architecture` where there is one, else of its vendor, or of all software adapters. */
export function shippedFor(capabilities: Pick<Capabilities, 'software' | 'adapter'>): ShippedTable | undefined {
  const kind = deviceKindOf(capabilities)
  if (!kind) return undefined
  const name = [`${kind}/${capabilities.adapter.architecture}`, kind].find((key) => Object.hasOwn(shippedTables, key))
  return name === undefined ? undefined : { name, table: shippedTables[name]!.preferences }
}

/**
 * What ships for a device, as its preferences. In Node, `openDevice` of `voxgrad` applies them by itself; in a browser:
 * `device.preferences = shippedPreferences(device.capabilities)`.
 */
export function shippedPreferences(
  capabilities: Pick<Capabilities, 'software' | 'adapter'>,
): VariantPreferences | undefined {
  const shipped = shippedFor(capabilities)
  if (!shipped || countBuckets(shipped.table) === 0) return undefined
  return preferencesOf([shipped.table], `shipped for ${shipped.name} adapters`)
}
