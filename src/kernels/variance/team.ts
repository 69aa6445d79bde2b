/** Kernels in which a team of lanes shares a row: how many lanes, and how their results meet. */
import type { Capabilities } from '../../engine/capabilities.js'
import type { DType } from '../../engine/dtype.js'
import type { KernelVariant, Specialization } from '../../engine/kernel.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import { magnitudeOf } from '../../engine/preferences.js'
import teamWgsl from './team.wgsl'
import teamSubgroupWgsl from './team-subgroup.wgsl'

/** Lanes of a workgroup; a team is the whole of it at most. */
export const groupSize = 256

/** What a kernel of teams says once for both of its variants. */
export interface TeamKernel<P> {
  /** Defines `main` with 256 lanes; uses TEAM and `mergeTeam`, and defines `State` and `merge`. */
  readonly wgsl: string
  /** Rows, each the business of one team. */
  rows(problem: P): number
  /** Loads that a row takes. Their number decides how many lanes share it. */
  loads(problem: P): number
  specialize(problem: P): Specialization
  /** Names what `specialize` gives, the team aside. */
  key(problem: P): string
  parameters(writer: ParameterWriter, problem: P): void
}

/** This many rows keep an adapter busy even if each has but one subgroup. */
const manyRows = 1024

/** A power of two; depends on the number of loads by its logarithm only, as the kernels' keys do. */
function teamSize(loads: number, limit: number): number {
  let team = 1
  while (team < limit && team * 4 <= loads) team *= 2
  return team
}

/**
 * Lanes of one subgroup meet without a barrier, so a row gets several only if it is long and one of few; on a software
 * adapter, where a subgroup is a thread's vector and barriers are dear, never.
 */
function subgroupTeam(loads: number, rows: number, { subgroupMinSize: size, software }: Capabilities): number {
  const several = !software && rows < manyRows && loads >= 64 * size
  return teamSize(loads, several ? groupSize : size)
}

/** Without subgroups every merge costs barriers, which a software adapter should pay for long rows only. */
function portableTeam(loads: number, _rows: number, { software }: Capabilities): number {
  return software && loads < 2048 ? 1 : teamSize(loads, groupSize)
}

/** The two variants of a kernel of teams: by subgroup shuffles, and by workgroup memory. */
export function teamVariants<P>(kernel: TeamKernel<P>): KernelVariant<P>[] {
  const variant = (
    name: string,
    code: string,
    team: (loads: number, rows: number, capabilities: Capabilities) => number,
    more: Partial<KernelVariant<P>>,
  ): KernelVariant<P> => ({
    name,
    wgsl: kernel.wgsl,
    key: (problem) => `${kernel.key(problem)}|${Math.clz32(kernel.loads(problem))}|${kernel.rows(problem) < manyRows}`,
    specialize: (problem, capabilities) => {
      const own = kernel.specialize(problem)
      const size = team(kernel.loads(problem), kernel.rows(problem), capabilities)
      return {
        types: { ...own.types },
        constants: { ...own.constants, TEAM: size, SUBGROUP: capabilities.subgroupMinSize },
        code: `${own.code ?? ''}\n${code}`,
      }
    },
    parameters: kernel.parameters,
    workgroups: (problem, capabilities) =>
      Math.ceil(kernel.rows(problem) / (groupSize / team(kernel.loads(problem), kernel.rows(problem), capabilities))),
    ...more,
  })
  return [
    variant('subgroup', teamSubgroupWgsl, subgroupTeam, {
      extensions: ['subgroups'],
      supports: ({ subgroupMinSize }) => subgroupMinSize > 1,
    }),
    variant('portable', teamWgsl, portableTeam, {}),
  ]
}

/** Rows of one type that are about as many and as long: a bucket for the tuner. */
export function rowsBucket({ dtype, rows, length }: { dtype: DType; rows: number; length: number }): string {
  const vectors = length % 4 === 0 ? ', whole vectors' : ''
  return `${dtype}, 2^${magnitudeOf(rows)} rows of 2^${magnitudeOf(length)}${vectors}`
}
