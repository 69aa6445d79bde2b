/** The kernels of the contrastive losses. */
import type { Capabilities } from '../../engine/capabilities.js'
import type { DType } from '../../engine/dtype.js'
import { defineKernel, type KernelVariant, type Specialization } from '../../engine/kernel.js'
import type { ParameterWriter } from '../../engine/parameters.js'
import finishWgsl from './finish.wgsl'
import gradientWgsl from './gradient.wgsl'
import pairsWgsl from './pairs.wgsl'
import { hasLoss, type Side, type SideProblem, shareOf, standApart } from './problem.js'
import statisticsWgsl from './statistics.wgsl'

/** Tile sizes: rows of an invocation, rows of the other side at a time, vectors of a row at a time. */
interface Tile {
  readonly lanes: number
  readonly rows: number
  readonly others: number
  readonly depth: number
}

/** Vectors of workgroup memory for a tile of the other side. */
const tileVectors = 512

const width = (features: number) => (features % 4 === 0 ? 4 : 1)

const opposite = (side: Side): Side => (side === 'image' ? 'text' : 'image')

/** Tensors that say which pairs belong together, as a side's kernel binds them. */
export function targetNames({ kind, side, symmetric, pairwise }: SideProblem, both: boolean): string[] {
  if (kind === 'groups') return ['ownGroup', 'otherGroup']
  if (kind === 'mask') return ['mask']
  if (kind !== 'soft') return []
  const own = hasLoss({ symmetric, pairwise } as SideProblem, side)
  const other = both && hasLoss({ symmetric, pairwise } as SideProblem, opposite(side))
  return [...(own ? ['ownSoft'] : []), ...(other ? ['otherSoft'] : [])]
}

const elements: Record<string, string> = {
  ownGroup: 'i32',
  otherGroup: 'i32',
  mask: 'u32',
  ownSoft: 'f32',
  otherSoft: 'f32',
}

function declare(bindings: readonly (readonly [name: string, element: string])[], outputs: number): string {
  return bindings
    .map(([name, element], i) => {
      const access = i < bindings.length - outputs ? 'read' : 'read_write'
      return `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${element}>;`
    })
    .join('\n')
}

/** WGSL that tells which pairs belong together. */
function targetCode(problem: SideProblem, names: readonly string[]): string {
  const { kind, side, inside } = problem
  const mask = side === 'image' ? 'mask[own * params.otherCount + other]' : 'mask[other * params.ownCount + own]'
  const positive = {
    diagonal: 'i32(other) == i32(own) + params.offset',
    groups: 'ownGroup[own] >= 0 && ownGroup[own] == otherGroup[other]',
    mask: `${mask} != 0u`,
    soft: 'false',
  }[kind]
  const flag = kind === 'diagonal' || inside ? '0.0' : 'select(0.0, 1.0, isPositive(own, other))'
  const own = names.includes('ownSoft') ? 'ownSoft[own * params.otherCount + other]' : flag
  const other = names.includes('otherSoft') ? 'otherSoft[other * params.ownCount + own]' : flag
  return [
    `fn isPositive(own: u32, other: u32) -> bool { return ${positive}; }`,
    `fn ownTarget(own: u32, other: u32) -> f32 { return ${own}; }`,
    `fn otherTarget(own: u32, other: u32) -> f32 { return ${other}; }`,
  ].join('\n')
}

function specialize(
  problem: SideProblem,
  tile: Tile,
  { bindings, outputs, names }: { bindings: readonly (readonly [string, string])[]; outputs: number; names: string[] },
): Specialization {
  const { features, pairwise } = problem
  const value = width(features) === 4 ? 'vec4f' : 'f32'
  return {
    // The stored types stand in the bindings; named here too, f16 brings its extension along.
    types: { Value: value, OwnType: problem.ownType, OtherType: problem.otherType },
    constants: {
      LANES: tile.lanes,
      ROWS: tile.rows,
      COLS: tile.others,
      DEPTH: tile.depth,
      CHUNK: tileVectors / tile.others,
      PAIRWISE: pairwise,
      APART: standApart(problem) && !pairwise,
      OWN_PART: hasLoss(problem, problem.side),
      OTHER_PART: hasLoss(problem, opposite(problem.side)),
    },
    code: [
      declare(bindings, outputs),
      `fn inner(a: Value, b: Value) -> f32 { return ${value === 'f32' ? 'a * b' : 'dot(a, b)'}; }`,
      `fn shiftOf() -> f32 { return ${pairwise ? 'shift[0]' : '0.0'}; }`,
      targetCode(problem, names),
      pairsWgsl,
    ].join('\n'),
  }
}

/** Own and other rows, the factor of the logits and, for the pairwise loss, what is added to them. */
function commonBindings({ features, pairwise, ownType, otherType }: SideProblem): [string, string][] {
  const stored = (type: DType) => (width(features) === 4 ? `vec4<${type}>` : type)
  return [
    ['own', stored(ownType)],
    ['other', stored(otherType)],
    ['scale', 'f32'],
    ...(pairwise ? [['shift', 'f32'] as [string, string]] : []),
  ]
}

const targetBindings = (names: readonly string[]) => names.map((name): [string, string] => [name, elements[name]!])

function writeParameters(writer: ParameterWriter, problem: SideProblem): void {
  const { ownCount, otherCount, features, offset, side, labelSmoothing } = problem
  writer
    .u32(ownCount)
    .u32(otherCount)
    .u32(features / width(features))
    .i32(side === 'image' ? offset : -offset)
    .f32(labelSmoothing)
    .f32(shareOf(problem))
}

const key = ({ kind, side, inside, symmetric, pairwise, features, ownType, otherType }: SideProblem) =>
  `|${kind}|${side}|${inside}|${symmetric}|${pairwise}|${width(features)}|${ownType}|${otherType}`

/** What is fastest depends on the sizes in their magnitude. */
function bucket(problem: SideProblem): string {
  const magnitude = (count: number) => 2 ** Math.ceil(Math.log2(Math.max(1, count)))
  const { ownCount, otherCount, features } = problem
  return `${[ownCount, otherCount, features].map(magnitude).join('x')}${key(problem)}`
}

type Specialize = (problem: SideProblem, tile: Tile) => Specialization

/** Few rows waste less with small tiles, and their code is sooner compiled. */
function tileVariant(
  wgsl: string,
  make: Specialize,
  tile: Tile,
  byDefault?: TilePreference,
): KernelVariant<SideProblem> {
  const { rows, others, lanes, depth } = tile
  return {
    name: byDefault ? `rows-${rows}x${others}` : 'portable',
    family: byDefault ? 'rows' : 'portable',
    wgsl,
    ...(byDefault && { byDefault }),
    key: (problem) => `${key(problem)}|${lanes}|${depth}`,
    specialize: (problem) => make(problem, tile),
    parameters: writeParameters,
    workgroups: ({ ownCount }) => Math.ceil(ownCount / (lanes * rows)),
  }
}

type TilePreference = (capabilities: Capabilities, problem: SideProblem) => boolean

const large: TilePreference = ({ software }, { ownCount }) => software && ownCount >= 512

const portableTile: Tile = { lanes: 64, rows: 1, others: 16, depth: 2 }

const statisticsSource: Specialize = (problem, tile) => {
  const names = targetNames(problem, false)
  const bindings = [...commonBindings(problem), ...targetBindings(names), ['statistics', 'vec4f'] as const]
  return specialize(problem, tile, { bindings, outputs: 1, names })
}

/** Inputs own and other rows, scale (shift), targets; output two vectors per own row. */
export const statisticsKernel = defineKernel<SideProblem>({
  name: 'contrastiveStatistics',
  bucket,
  variants: [
    tileVariant(statisticsWgsl, statisticsSource, { lanes: 128, rows: 4, others: 32, depth: 4 }, large),
    tileVariant(statisticsWgsl, statisticsSource, portableTile),
  ],
})

const gradientSource: Specialize = (problem, tile) => {
  const names = targetNames(problem, true)
  const coefficients = coefficientSides(problem).map((side): [string, string] => [`${side}Coefficients`, 'vec4f'])
  const value = width(problem.features) === 4 ? 'vec4f' : 'f32'
  const bindings: [string, string][] = [
    ...commonBindings(problem),
    ...coefficients,
    ...targetBindings(names),
    ['gradient', value],
  ]
  const base = specialize(problem, tile, { bindings, outputs: 1, names })
  const read = (side: string) =>
    coefficients.some(([name]) => name.startsWith(side)) ? `${side}Coefficients[i]` : 'vec4f()'
  // The pairwise loss has one set of coefficients, those of images.
  const pair = problem.side === 'image' ? 'ownCoefficient(2u * row).x' : 'otherCoefficient(0u).x'
  const code = [
    `fn ownCoefficient(i: u32) -> vec4f { return ${read('own')}; }`,
    `fn otherCoefficient(i: u32) -> vec4f { return ${read('other')}; }`,
    `fn pairPart(row: u32) -> f32 { return ${pair}; }`,
  ]
  return { ...base, code: [base.code, ...code].join('\n') }
}

/** Whose coefficients a gradient needs: those of every side that has losses. */
export function coefficientSides(problem: SideProblem): ('own' | 'other')[] {
  return [
    ...(hasLoss(problem, problem.side) ? (['own'] as const) : []),
    ...(hasLoss(problem, opposite(problem.side)) ? (['other'] as const) : []),
  ]
}

/** Inputs own and other rows, scale (shift), coefficients, targets; output the gradient of own rows. */
export const gradientKernel = defineKernel<SideProblem>({
  name: 'contrastiveGradient',
  bucket,
  variants: [
    tileVariant(gradientWgsl, gradientSource, { lanes: 128, rows: 4, others: 32, depth: 4 }, large),
    tileVariant(gradientWgsl, gradientSource, portableTile),
  ],
})

/** Inputs statistics, and weights with their sum if there are any; outputs losses and coefficients. */
export const finishKernel = defineKernel<SideProblem>({
  name: 'contrastiveFinish',
  variants: [
    {
      name: 'portable',
      wgsl: finishWgsl,
      specialize: (problem) => {
        const { pairwise, weighted, kind } = problem
        const bindings: [string, string][] = [
          ['statistics', 'vec4f'],
          ...(weighted
            ? ([
                ['weight', 'f32'],
                ['weightSum', 'f32'],
              ] as [string, string][])
            : []),
          ['losses', 'f32'],
          ['coefficients', 'vec4f'],
        ]
        return {
          constants: { PAIRWISE: pairwise, APART: standApart(problem) && !pairwise, EVEN: kind !== 'soft' },
          code: [
            declare(bindings, 2),
            `fn weightOf(row: u32) -> f32 { return ${weighted ? 'weight[row]' : '1.0'}; }`,
            `fn weightTotal() -> f32 { return ${weighted ? 'weightSum[0]' : 'f32(params.ownCount)'}; }`,
          ].join('\n'),
        }
      },
      parameters: writeParameters,
      workgroups: ({ ownCount }) => Math.ceil(ownCount / 64),
    },
  ],
})
