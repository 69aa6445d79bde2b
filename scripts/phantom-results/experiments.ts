/** What is compared: a configuration each, with what differs from it. */

export interface Experiment {
  /** Also the name of its folder. */
  readonly name: string
  /** A file in `recipes/`. */
  readonly recipe: string
  /** As `--set` takes them. */
  readonly set?: readonly string[]
  /** The shipped model that its first seed becomes. */
  readonly ships?: string
}

export const experiments: readonly Experiment[] = [
  { name: '3d-clip', recipe: 'clip3d-phantom' },
  { name: 'colipri-c', recipe: 'colipri-c-phantom' },
  { name: 'colipri-crm', recipe: 'colipri-crm-phantom', ships: 'colipri-phantom' },
  { name: 'fvlm', recipe: 'fvlm-phantom', ships: 'fvlm-phantom' },
  {
    name: 'velvet-report',
    recipe: 'velvet-phantom',
    set: ['objective.levels=report', 'objective.matching=false', 'objective.maskedTokens=false'],
  },
  { name: 'velvet', recipe: 'velvet-phantom', ships: 'velvet-phantom' },
]

/** What the papers say of two of them: the first is better, or at least as good. */
export interface Direction {
  readonly claim: string
  readonly better: string
  readonly than: string
}

export const directions: readonly Direction[] = [
  { claim: 'fVLM is better on findings of organs than 3D-CLIP', better: 'fvlm', than: '3d-clip' },
  { claim: 'COLIPRI-CRM is at least as good as COLIPRI-C', better: 'colipri-crm', than: 'colipri-c' },
  { claim: 'VELVET-Med with all levels is better than with reports alone', better: 'velvet', than: 'velvet-report' },
]
