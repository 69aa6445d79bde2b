import { DataError } from '../errors.js'
import { readFileBytes } from '../files.js'
import { tokenizerFromJson } from './tokenizer-json.js'
import { type WordPieceOptions, WordPieceTokenizer } from './wordpiece.js'

/**
 * Reads a tokenizer from a `vocab.txt` or, by the ending `.json`, from a `tokenizer.json`, which brings its own options.
 * Throws a DataError for a file that cannot be read or is no BERT tokenizer.
 */
export async function readTokenizer(path: string, options: WordPieceOptions = {}): Promise<WordPieceTokenizer> {
  const bytes = await readFileBytes(path)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new DataError('is not UTF-8 text', { path, cause })
  }
  if (!path.endsWith('.json')) return WordPieceTokenizer.fromVocabulary(text, { ...options, path })
  if (Object.keys(options).length > 0) {
    throw new DataError('a tokenizer.json brings its own options; read the vocab.txt to choose others', { path })
  }
  return tokenizerFromJson(text, path)
}
