import { z } from 'zod'
import { DataError } from '../errors.js'
import { parseJson } from './text-file.js'
import { Vocabulary } from './vocabulary.js'
import { type WordPieceOptions, WordPieceTokenizer } from './wordpiece.js'

const addedToken = z.object({
  id: z.number().int().nonnegative(),
  content: z.string(),
  // These change where a token is found; BERT's special tokens set none of them.
  single_word: z.literal(false).optional(),
  lstrip: z.literal(false).optional(),
  rstrip: z.literal(false).optional(),
  normalized: z.literal(false).optional(),
})

const template = z.tuple([
  z.object({ SpecialToken: z.object({ id: z.literal('[CLS]') }) }),
  z.object({ Sequence: z.object({ id: z.literal('A') }) }),
  z.object({ SpecialToken: z.object({ id: z.literal('[SEP]') }) }),
])

/** The part of the format that describes a BERT tokenizer; anything else would silently give other ids. */
const schema = z.object({
  added_tokens: z.array(addedToken).default([]),
  normalizer: z.object({
    type: z.literal('BertNormalizer'),
    clean_text: z.literal(true).default(true),
    handle_chinese_chars: z.boolean().default(true),
    strip_accents: z.boolean().nullish(),
    lowercase: z.boolean().default(true),
  }),
  pre_tokenizer: z.object({ type: z.literal('BertPreTokenizer') }),
  post_processor: z.union([
    z.object({ type: z.literal('TemplateProcessing'), single: template }),
    z.object({
      type: z.literal('BertProcessing'),
      cls: z.tuple([z.literal('[CLS]'), z.number()]),
      sep: z.tuple([z.literal('[SEP]'), z.number()]),
    }),
  ]),
  model: z.object({
    type: z.literal('WordPiece').optional(),
    unk_token: z.literal('[UNK]'),
    continuing_subword_prefix: z.literal('##'),
    max_input_chars_per_word: z.number().int().positive().default(100),
    vocab: z.record(z.string(), z.number().int().nonnegative()),
  }),
})

/**
 * A tokenizer from the text of a `tokenizer.json` that describes BERT's WordPiece. Its `truncation` and `padding` are
 * not read: lengths are arguments of `encode`. Anything that would give other ids than BERT's scheme (another model,
 * normalizer, template, tokens that swallow spaces) is refused with a DataError that names the field.
 */
export function tokenizerFromJson(text: string, path = 'tokenizer.json'): WordPieceTokenizer {
  const parsed = schema.safeParse(parseJson(text, path))
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new DataError(`is no BERT tokenizer: ${problems.join('; ')}`, { path })
  }
  const { model, normalizer, added_tokens } = parsed.data
  const ids = new Map(Object.entries(model.vocab))
  for (const { content, id } of added_tokens) {
    if ((ids.get(content) ?? id) !== id) {
      throw new DataError(`'${content}' has id ${ids.get(content)} in the model and ${id} in added_tokens`, { path })
    }
    ids.set(content, id)
  }
  const options: WordPieceOptions = {
    lowercase: normalizer.lowercase,
    stripAccents: normalizer.strip_accents ?? undefined,
    splitChinese: normalizer.handle_chinese_chars,
    maxWordCharacters: model.max_input_chars_per_word,
    addedTokens: added_tokens.map(({ content }) => content),
  }
  return new WordPieceTokenizer(new Vocabulary(inOrder(ids, path), path), options)
}

/** The tokens by id. */
function inOrder(ids: ReadonlyMap<string, number>, path: string): string[] {
  const tokens = new Array<string | undefined>(ids.size)
  for (const [token, id] of ids) {
    if (id >= ids.size) throw new DataError(`'${token}' has id ${id}, but there are ${ids.size} tokens`, { path })
    if (tokens[id] !== undefined) throw new DataError(`'${tokens[id]}' and '${token}' share id ${id}`, { path })
    tokens[id] = token
  }
  return tokens as string[]
}
