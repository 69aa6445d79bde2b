/** Options that several commands share. */
import { type Command, Option } from 'commander'
import type { DeviceProfile } from '../engine/index.js'

export interface DeviceArguments {
  readonly profile: DeviceProfile
  readonly adapter?: string
}

export function addDeviceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--profile <profile>', 'safe checks every access; fast trusts the kernels')
        .choices(['safe', 'fast'])
        .default('safe'),
    )
    .option('--adapter <name>', "part of the adapter's name, where there are several")
}

/** Stands beside every prediction. */
export const researchNotice = 'Research use only, not for diagnosis.'
