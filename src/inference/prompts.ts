/** The two sentences that a finding is asked with. */
import { ValueError } from '../engine/index.js'

export interface PromptPair {
  readonly finding: string
  readonly positive: string
  readonly negative: string
}

/**
 * - `short`: "Lung nodule" against "No lung nodule", the published package's example and the paper's short prompts.
 * - `sentence`: "Lung nodule is present." against "Lung nodule is not present.", CT-CLIP's pair.
 */
export type PromptStyle = 'short' | 'sentence' | ((finding: string) => Omit<PromptPair, 'finding'>)

const styles: Readonly<Record<Extract<PromptStyle, string>, (finding: string) => Omit<PromptPair, 'finding'>>> = {
  short: (finding) => ({ positive: finding, negative: `No ${lowerFirst(finding)}` }),
  sentence: (finding) => ({ positive: `${finding} is present.`, negative: `${finding} is not present.` }),
}

export const promptStyles = Object.keys(styles) as readonly Extract<PromptStyle, string>[]

/** The prompts of some findings. Throws a ValueError for an empty list and an empty finding. */
export function promptPairs(findings: readonly string[], style: PromptStyle = 'short'): PromptPair[] {
  if (findings.length === 0) throw new ValueError('zeroShot: there are no findings')
  const pair = typeof style === 'function' ? style : styles[style]
  return findings.map((given) => {
    const finding = given.trim()
    if (finding === '') throw new ValueError('zeroShot: a finding is empty')
    return { finding, ...pair(finding) }
  })
}

/** Acronyms keep their capitals. */
function lowerFirst(text: string): string {
  return /^\p{Lu}\p{Ll}/u.test(text) ? text[0]!.toLowerCase() + text.slice(1) : text
}
