export { negateSentence } from './negation.js'
export {
  type OpposedSentence,
  opposedSentences,
  type PositiveSections,
  type PositiveSentence,
  SentencePool,
} from './opposites.js'
