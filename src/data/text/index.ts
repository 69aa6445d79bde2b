export { readTokenizer } from './tokenizer-file.js'
export { tokenizerFromJson } from './tokenizer-json.js'
export { parseVocabulary, type SpecialIds, Vocabulary } from './vocabulary.js'
export {
  type EncodeBatchOptions,
  type EncodedBatch,
  type EncodeOptions,
  type Encoding,
  type WordPieceOptions,
  WordPieceTokenizer,
} from './wordpiece.js'
