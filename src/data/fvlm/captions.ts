/** Captions per anatomy from decomposed reports, as fVLM's published loader composes them. */
import { z } from 'zod'
import { DataError } from '../errors.js'
import { parseJson } from './json.js'

/**
 * One section of all reports, taken apart: scan, then anatomy, then text. An anatomy is there only if the section mentions
 * it; `Findings` or `Conclusion` hold the whole section.
 */
export type Decomposition = Readonly<Record<string, Readonly<Record<string, string>>>>

export interface AnatomyCaption {
  readonly caption: string
  /** True when the impression mentions the anatomy otherwise than by the template. */
  readonly abnormal: boolean
  /** What is encoded: the caption, or the findings alone where they follow the template. */
  readonly encoded: string
}

const decompositionSchema = z.record(z.string(), z.record(z.string(), z.string()))

/** Reads `desc_info.json` or `conc_info.json`. Throws a DataError for text that is none. */
export function parseDecomposition(text: string, path = 'decomposition'): Decomposition {
  const parsed = decompositionSchema.safeParse(parseJson(text, path))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new DataError(`${issue.path.join(' / ')}: ${issue.message}`, {
    path,
    remedy: 'It must hold, by scan and anatomy, texts: {"train_1_a": {"lung": "..."}}',
  })
}

/**
 * The caption of an anatomy: impression, then findings, without a space; each with a final full stop, and without quotes
 * and round brackets. An impression that says nothing of the anatomy (undefined) becomes the template; findings then
 * do not make the caption abnormal, whatever they say.
 */
export function composeCaption(
  anatomy: string,
  { findings, impression }: { readonly findings?: string | undefined; readonly impression?: string | undefined },
): AnatomyCaption {
  const template = `${anatomy} shows no significant abnormalities.`
  const stopped = (text: string) => (text.endsWith('.') ? text : `${text}.`)
  const opening = impression === undefined ? template : stopped(impression)
  const caption = (opening + (findings === undefined ? '' : stopped(findings))).replace(/["'()]/g, '')
  const normal = caption.startsWith(template)
  const longer = caption.length > template.length
  return { caption, abnormal: !normal, encoded: normal && longer ? caption.replaceAll(template, '') : caption }
}

/** The captions of a scan for the given anatomies; a scan that no file has gets templates. */
export function composeCaptions(
  scan: string,
  anatomies: readonly string[],
  sections: { readonly findings: Decomposition; readonly impression: Decomposition },
): Record<string, AnatomyCaption> {
  const textOf = (section: Decomposition, anatomy: string): string | undefined => {
    const entry = Object.hasOwn(section, scan) ? section[scan]! : {}
    return Object.hasOwn(entry, anatomy) ? entry[anatomy] : undefined
  }
  return Object.fromEntries(
    anatomies.map((anatomy) => [
      anatomy,
      composeCaption(anatomy, {
        findings: textOf(sections.findings, anatomy),
        impression: textOf(sections.impression, anatomy),
      }),
    ]),
  )
}
