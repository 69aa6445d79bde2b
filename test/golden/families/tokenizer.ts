import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readTokenizer, type WordPieceTokenizer } from '../../../src/data/text/index.js'
import { checkEqual, failure } from '../checks.js'
import type { CheckResult, GoldenRow } from '../types.js'

interface TokenizerCases {
  readonly cases: readonly { text: string; tokens: string[]; ids: number[] }[]
  readonly padded?: {
    readonly max_length: number
    readonly cases: readonly { text: string; ids: number[]; mask: number[] }[]
  }
}

/** Family `tokenizer`: texts to tokens and ids, whole and padded. `dir` is the folder of the manifest. */
export async function runTokenizer(row: GoldenRow, dir: string): Promise<CheckResult[]> {
  if (row.op !== 'wordpiece') return [failure(row.op, 'unknown operation of family tokenizer')]
  const lowercase = row.params.do_lower_case as boolean
  const tokenizer = await readTokenizer(join(dir, String(row.params.vocab)), { lowercase })
  const file: TokenizerCases = JSON.parse(await readFile(join(dir, row.file), 'utf8'))
  return [
    ...file.cases.map(({ text, tokens, ids }) => {
      const got = tokenizer.encode(text)
      return checkEqual(`'${text}'`, { tokens: got.tokens, ids: got.ids }, { tokens, ids })
    }),
    ...(file.padded ? checkPadded(tokenizer, file.padded) : []),
  ]
}

/** Rows of one batch, so that a text must come out the same whatever stands beside it. */
function checkPadded(
  tokenizer: WordPieceTokenizer,
  { max_length: maxLength, cases }: NonNullable<TokenizerCases['padded']>,
): CheckResult[] {
  const texts = cases.map(({ text }) => text)
  const batch = tokenizer.encodeBatch(texts, { maxLength, padding: 'maxLength' })
  return cases.map(({ text, ids, mask }, row) => {
    const of = (values: Int32Array) => Array.from(values.subarray(row * maxLength, (row + 1) * maxLength))
    return checkEqual(`'${text}' padded`, { ids: of(batch.ids), mask: of(batch.mask) }, { ids, mask })
  })
}
