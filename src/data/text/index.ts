export { splitClinicalSentences, type TextSpan } from './clinical-sentences.js'
export { parseReportSections, type ReportSection, reportSection, type SectionKind } from './report-sections.js'
export { type SentenceSplitter, splitSentences } from './sentences.js'
export { readTokenizer } from './tokenizer-file.js'
export { tokenizerFromJson } from './tokenizer-json.js'
export { m3dHeaderWords, splitUpstreamSentences } from './upstream-sentences.js'
export { parseVocabulary, type SpecialIds, Vocabulary } from './vocabulary.js'
export {
  type EncodeBatchOptions,
  type EncodedBatch,
  type EncodeOptions,
  type Encoding,
  type WordPieceOptions,
  WordPieceTokenizer,
} from './wordpiece.js'
