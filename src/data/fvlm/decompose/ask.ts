/** Taking a report apart with a language model: what it is asked, and what counts as an answer. */
import { z } from 'zod'
import { DataError } from '../../errors.js'
import { findDuplicateKey } from '../../strict-json.js'
import { askChat, type ChatEndpoint, type ChatMessage } from './endpoint.js'
import { mentions } from './lexicon.js'

/** How often an answer that cannot be used is asked for again. */
const MOST_CORRECTIONS = 2

export interface AskedSection {
  readonly texts: Readonly<Record<string, string>>
  /** Anatomies of which the section has a word and for which the model twice gave nothing. */
  readonly disputed: readonly string[]
}

/** What the model is asked; a change of it makes other results. */
export const systemPrompt = `You are a radiologist who sorts the text of CT reports by anatomy.
You get one section of a report and a list of anatomies. For each anatomy decide whether the section describes it, its parts or a
disease of it; fluid or air in the pleural space belongs to the lung. Then copy out what the section says of it:
- precise and complete, with sides, lobes, segments, sizes and counts, and with negations as they stand;
- nothing that the section does not say, nothing about other anatomies, no interpretation;
- one line per anatomy, also for paired ones.
Answer with one JSON object and nothing else. Its keys are exactly the anatomies of the list, its values the texts, or null
where the section does not describe the anatomy.`

/**
 * The texts of a section by anatomy. An anatomy of which the section has a word and the answer nothing is asked for once more.
 * Throws a DataError when the model gives no usable answer.
 */
export async function decomposeByChat(
  endpoint: ChatEndpoint,
  section: string,
  anatomies: readonly string[],
): Promise<AskedSection> {
  if (section === '') return { texts: {}, disputed: [] }
  const first = await askFor(endpoint, section, anatomies, '')
  const doubtful = anatomies.filter((anatomy) => first[anatomy] === undefined && mentions(section, anatomy))
  if (doubtful.length === 0) return { texts: first, disputed: [] }
  const hint = 'The section has words of each of these anatomies. Read it again with that in mind.'
  const second = await askFor(endpoint, section, doubtful, hint)
  const both = { ...first, ...second }
  return {
    texts: Object.fromEntries(
      anatomies.flatMap((anatomy) => (both[anatomy] === undefined ? [] : [[anatomy, both[anatomy]]])),
    ),
    disputed: doubtful.filter((anatomy) => second[anatomy] === undefined),
  }
}

async function askFor(
  endpoint: ChatEndpoint,
  section: string,
  anatomies: readonly string[],
  hint: string,
): Promise<Record<string, string>> {
  const question = [`Anatomies: ${JSON.stringify(anatomies)}`, hint, `Section:\n${section}`].filter(Boolean).join('\n')
  const messages: ChatMessage[] = [
    { role: 'system', content: systemPrompt },
    { role: 'user', content: question },
  ]
  for (let corrections = 0; ; corrections++) {
    const answer = await askChat(endpoint, messages)
    try {
      return readAnswer(answer, section, anatomies)
    } catch (error) {
      if (!(error instanceof DataError)) throw error
      if (corrections >= MOST_CORRECTIONS) {
        throw new DataError(`gave no usable answer in ${corrections + 1} attempts: ${error.message}`, {
          path: endpoint.model,
          cause: error,
        })
      }
      const correction = `That answer cannot be used: ${error.message}. Answer again, with the JSON object only.`
      messages.push({ role: 'assistant', content: answer }, { role: 'user', content: correction })
    }
  }
}

/**
 * The texts of an answer. Throws a DataError for what is not one JSON object of exactly these anatomies, and for numbers that
 * the section does not have: sizes and counts must not be made up.
 */
export function readAnswer(answer: string, section: string, anatomies: readonly string[]): Record<string, string> {
  const json = answer.trim().replace(/^```(?:json)?\s*([\s\S]*?)\s*```$/, '$1')
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new DataError('it is not JSON', { cause })
  }
  const twice = findDuplicateKey(json)
  if (twice !== undefined) throw new DataError(`it has the key '${twice}' twice`)
  const schema = z.strictObject(Object.fromEntries(anatomies.map((name) => [name, z.string().nullable()])))
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new DataError(z.prettifyError(parsed.error).replaceAll('\n', ' '))
  const known = new Set(numbersIn(section))
  return Object.fromEntries(
    anatomies.flatMap((anatomy) => {
      const text = (parsed.data[anatomy] ?? '').replace(/\s+/g, ' ').trim()
      const invented = numbersIn(text).find((number) => !known.has(number))
      if (invented !== undefined)
        throw new DataError(`the text of ${anatomy} has the number ${invented}, the section has not`)
      return text === '' ? [] : [[anatomy, text]]
    }),
  )
}

const numbersIn = (text: string): string[] => text.match(/\d+(?:[.,]\d+)?/g) ?? []
