import type { Triple } from '../geometry.js'
import type { Bumps } from './solids.js'

/** What findings do to a patient: absent ones are undefined or leave a scale at 1. Sizes in mm of the standard patient. */
export interface Disease {
  readonly heartScale: number
  readonly spleenScale: number
  readonly steatosisHu: number
  readonly pericardialMm: number
  readonly aneurysm?: {
    readonly limb: 'ascending' | 'descending'
    readonly heightMm: number
    readonly radiusMm: number
  }
  readonly nodule?: Lesion
  readonly consolidation?: Lesion & { readonly lobe: number }
  readonly emphysema?: readonly Lesion[]
  readonly effusion?: readonly { readonly side: 'right' | 'left'; readonly depthMm: number }[]
  /** Places by the heart's own axes, in parts of its radii. */
  readonly coronaryPlaques?: readonly Plaque[]
  /** Places by direction from the middle of the descending aorta, and height. */
  readonly aorticPlaques?: readonly Plaque[]
  readonly hernia?: Lesion & { readonly gasMm: number }
  readonly liverLesions?: readonly (Lesion & { readonly bright: boolean })[]
  readonly kidneyStones?: readonly (Lesion & { readonly side: 'right' | 'left' })[]
  readonly renalCysts?: readonly (Lesion & { readonly side: 'right' | 'left' })[]
  readonly gallstones?: readonly Lesion[]
}

/** A thing of its own in an organ. */
export interface Lesion {
  readonly centreMm: Triple
  readonly radiusMm: number
  readonly bumps: Bumps
  readonly hu: number
}

/** Calcium in a wall, wherever the wall is in this patient. */
export interface Plaque {
  readonly place: Triple
  readonly radiusMm: number
}

export const healthy: Disease = { heartScale: 1, spleenScale: 1, steatosisHu: 0, pericardialMm: 0 }
