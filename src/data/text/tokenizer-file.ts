import { DataError } from '../errors.js'
import { readText } from './text-file.js'
import { tokenizerFromJson } from './tokenizer-json.js'
import { type WordPieceOptions, WordPieceTokenizer } from './wordpiece.js'

/**
 * Reads a tokenizer from a `vocab.txt` or, by the ending `.json`, from a `tokenizer.json`, which brings its own options.
 * Throws a DataError for a file that cannot be read or is no BERT tokenizer.
 */
export async function readTokenizer(path: string, options: WordPieceOptions = {}): Promise<WordPieceTokenizer> {
  const text = await readText(path)
  if (!path.endsWith('.json')) return WordPieceTokenizer.fromVocabulary(text, { ...options, path })
  if (Object.keys(options).length > 0) {
    throw new DataError('a tokenizer.json brings its own options; read the vocab.txt to choose others', { path })
  }
  return tokenizerFromJson(text, path)
}
