/** How kernels are told which pairs belong together. */
import { type BlockProblem, type ContrastiveOptions, hasLoss, type Side } from './problem.js'

/** A tensor with a row per image or per text, and what its elements are. */
interface Target {
  readonly element: 'i32' | 'u32' | 'f32'
  readonly rows: Side
}

export const targets = {
  imageGroup: { element: 'i32', rows: 'image' },
  textGroup: { element: 'i32', rows: 'text' },
  mask: { element: 'u32', rows: 'image' },
  imageSoft: { element: 'f32', rows: 'image' },
  textSoft: { element: 'f32', rows: 'text' },
} as const satisfies Record<string, Target>

export type TargetName = keyof typeof targets

/** The tensors that the losses of these sides ask, in the order of their bindings. */
export function targetNames(options: ContrastiveOptions, sides: readonly Side[]): TargetName[] {
  if (options.kind === 'groups') return ['imageGroup', 'textGroup']
  if (options.kind === 'mask') return ['mask']
  if (options.kind === 'diagonal') return []
  return sides.filter((side) => hasLoss(options, side)).map((side) => `${side}Soft` as const)
}

/** WGSL of `isPositive`, `imageTarget` and `textTarget` for a pair of the block. */
export function targetCode({ kind, inside }: ContrastiveOptions, names: readonly TargetName[]): string {
  const positive = {
    diagonal: 'i32(text) == i32(image) + params.offset',
    groups: 'imageGroup[image] >= 0 && imageGroup[image] == textGroup[text]',
    mask: 'mask[image * params.texts + params.firstText + text] != 0u',
    soft: 'false',
  }[kind]
  const flag = kind === 'diagonal' || inside ? '0.0' : 'select(0.0, 1.0, isPositive(image, text))'
  const ofImage = 'imageSoft[image * params.texts + params.firstText + text]'
  const ofText = 'textSoft[text * params.images + params.firstImage + image]'
  return [
    `fn isPositive(image: u32, text: u32) -> bool { return ${positive}; }`,
    `fn imageTarget(image: u32, text: u32) -> f32 { return ${names.includes('imageSoft') ? ofImage : flag}; }`,
    `fn textTarget(image: u32, text: u32) -> f32 { return ${names.includes('textSoft') ? ofText : flag}; }`,
  ].join('\n')
}

/** Names the source that {@link targetCode} makes. */
export const targetKey = ({ kind, inside }: BlockProblem): string => `${kind}|${inside}`
