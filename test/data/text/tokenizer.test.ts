import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DataError } from '../../../src/data/errors.js'
import { parseVocabulary, readTokenizer, tokenizerFromJson, WordPieceTokenizer } from '../../../src/data/text/index.js'
import { temporaryFolder } from '../helpers.js'

const goldens = new URL('../../golden/cases/tokenizer/', import.meta.url)
const bertVocabulary = readFileSync(new URL('bert_uncased_vocab.txt', goldens), 'utf8')
const bert = WordPieceTokenizer.fromVocabulary(bertVocabulary)
const toy = WordPieceTokenizer.fromVocabulary(readFileSync(new URL('toy_vocab.txt', goldens), 'utf8'))
const specials = '[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n'

describe('vocabulary', () => {
  test('special ids are read, not assumed', () => {
    expect(bert.special).toEqual({ pad: 0, unknown: 100, start: 101, end: 102, mask: 103 })
    expect(toy.special).toEqual({ pad: 0, unknown: 1, start: 2, end: 3, mask: 4 })
    expect(parseVocabulary('lung\r\n[SEP]\r\n[CLS]\r\n[MASK]\r\n[PAD]\r\n[UNK]').special).toEqual({
      pad: 4,
      unknown: 5,
      start: 2,
      end: 1,
      mask: 3,
    })
  })

  test('a token may be a character that Unicode calls a line separator', () => {
    expect(parseVocabulary(`${specials}\u2028\n\u00a0`).id('\u00a0')).toBe(6)
  })

  test.each([
    ['lung\n[CLS]\n[SEP]', /v\.txt: \[PAD\], \[UNK\], \[MASK\] are not in it/],
    [`${specials}lung\nlung`, /'lung' stands at ids 5 and 6/],
    [`${specials}\nlung`, /the token of id 5 is empty/],
    ['', /\[PAD\].* are not in it/],
  ])('refuses %j', (text, message) => {
    expect(() => parseVocabulary(text, 'v.txt')).toThrow(DataError)
    expect(() => parseVocabulary(text, 'v.txt')).toThrow(message)
  })
})

describe('ids', () => {
  // From the Rust library `tokenizers` 0.23.2 with the same vocabulary.
  test.each([
    ['a final sigma is a sigma', 'ΟΔΟΣ ΣΑΣ', [101, 1169, 29722, 29730, 29733, 1173, 14608, 29733, 102]],
    ['ideographs beyond U+FFFF are words', '\u{20bb7}\u{20bb7}野', [101, 100, 100, 1963, 102]],
    ['control characters vanish', 'a\u0085b', [101, 11113, 102]],
    ['a byte order mark vanishes', 'x\ufeffy', [101, 1060, 2100, 102]],
    ['private characters vanish', 'a\ue000b', [101, 11113, 102]],
    ['unassigned characters stay', '\u0378a', [101, 100, 102]],
    ['special tokens stay whole', '[MASK]ed [SEP]x', [101, 103, 3968, 102, 1060, 102]],
    ['words over 100 characters are unknown', 'nodule'.repeat(17), [101, 100, 102]],
  ])('%s', (_, text, ids) => {
    expect(bert.encode(text).ids).toEqual(ids)
  })

  test('added tokens follow the vocabulary and are found in texts', () => {
    const tokenizer = new WordPieceTokenizer(toy.vocabulary, { addedTokens: ['[SEN_1]', '[SEN_2]'] })
    const { size } = toy.vocabulary
    expect(tokenizer.encode('[SEN_2]lung').ids).toEqual([2, size + 1, toy.vocabulary.id('lung'), 3])
    expect(tokenizer.decode([size, toy.vocabulary.id('lung')!])).toBe('lung')
  })

  test('a vocabulary may hold names of object members', () => {
    const tokenizer = WordPieceTokenizer.fromVocabulary(`${specials}__proto__\nconstructor\n_\nx`)
    expect(tokenizer.pieces('constructor x')).toEqual(['constructor', 'x'])
    expect(tokenizer.vocabulary.id('toString')).toBeUndefined()
  })
})

describe('lengths', () => {
  test('truncation keeps the closing token', () => {
    expect(toy.encode('No lung nodules', { maxLength: 4 })).toEqual({
      ids: [2, 92, 103, 3],
      tokens: ['[CLS]', 'no', 'lung', '[SEP]'],
      truncated: true,
    })
    expect(toy.encode('No lung nodules', { maxLength: 2, specialTokens: false }).tokens).toEqual(['no', 'lung'])
  })

  test('a batch is padded to its longest text', () => {
    const batch = toy.encodeBatch(['lung', 'No lung nodules', ''], { maxLength: 5 })
    expect(batch.shape).toEqual([3, 5])
    expect([...batch.ids]).toEqual([2, 103, 3, 0, 0, 2, 92, 103, 111, 3, 2, 3, 0, 0, 0])
    expect([...batch.mask]).toEqual([1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
    expect(batch.truncated).toEqual([false, true, false])
  })

  test.each([
    [() => toy.encode('lung', { maxLength: 1 }), /maxLength 1 is not a whole number from 2/],
    [() => toy.encode('lung', { maxLength: 7.5 }), /maxLength 7.5/],
    [() => toy.encodeBatch([]), /no texts/],
    [() => toy.encodeBatch(['lung'], { padding: 'maxLength' }), /needs a maxLength/],
    [() => toy.decode([7, 100_000]), /id 100000 is not one of the/],
    [() => toy.decode([-1]), /id -1/],
    [() => toy.decode([1.5]), /id 1.5/],
    [() => new WordPieceTokenizer(toy.vocabulary, { maxWordCharacters: 0 }), /maxWordCharacters 0/],
  ])('%o is refused', (run, message) => {
    expect(run).toThrow(DataError)
    expect(run).toThrow(message)
  })

  const anyText = fc.string({
    unit: fc.oneof(fc.constantFrom(...'aeglnu .,[]'), fc.string({ unit: 'grapheme', maxLength: 1 })),
  })

  test('any text and length gives known ids within the length, framed by the special tokens', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 2, max: 20 }), (text, maxLength) => {
        const whole = toy.encode(text).ids
        const { ids, truncated } = toy.encode(text, { maxLength })
        expect(ids.length).toBeLessThanOrEqual(maxLength)
        expect(truncated).toBe(whole.length > maxLength)
        expect([ids[0], ids.at(-1)]).toEqual([2, 3])
        expect(ids.slice(0, -1)).toEqual(whole.slice(0, ids.length - 1))
        for (const id of ids) expect(id).toBeLessThan(toy.vocabulary.size)
      }),
    )
  })

  test('what decodes to known words encodes to the same ids', () => {
    const words = ['no', 'lung', 'nodule', 'mild', 'emphysema', 'effusion', 'upper', '.', ',']
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words)), (list) => {
        const { ids } = toy.encode(list.join(' '))
        expect(toy.encode(toy.decode(ids)).ids).toEqual(ids)
      }),
    )
  })
})

describe('decoding', () => {
  // From the Rust library.
  test.each([
    [
      [101, 2123, 1005, 1056, 2360, 1010, 2009, 1005, 1055, 1037, 7293, 16308, 1012, 102],
      "don ' t say, it ' s a nodules.",
    ],
    [[101, 102], ''],
    [[], ''],
  ])('%j', (ids, text) => {
    expect(bert.decode(ids)).toBe(text)
  })

  test('special tokens on request', () => {
    expect(toy.decode([2, 103, 3, 0], { specialTokens: true })).toBe('[CLS] lung [SEP] [PAD]')
  })
})

interface Description {
  added_tokens: Record<string, unknown>[]
  normalizer: Record<string, unknown>
  pre_tokenizer: Record<string, unknown>
  post_processor: Record<string, unknown>
  model: Record<string, unknown> & { vocab: Record<string, number> }
}

describe('tokenizer.json', () => {
  /** As transformers writes it, for the toy vocabulary. */
  function description(): Description {
    return {
      added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map((content, id) => ({
        ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
      })),
      normalizer: {
        ...{
          type: 'BertNormalizer',
          clean_text: true,
          handle_chinese_chars: true,
          strip_accents: null,
          lowercase: true,
        },
      },
      pre_tokenizer: { type: 'BertPreTokenizer' },
      post_processor: {
        type: 'TemplateProcessing',
        single: [
          { SpecialToken: { id: '[CLS]', type_id: 0 } },
          { Sequence: { id: 'A', type_id: 0 } },
          { SpecialToken: { id: '[SEP]', type_id: 0 } },
        ],
      },
      model: {
        type: 'WordPiece',
        unk_token: '[UNK]',
        continuing_subword_prefix: '##',
        max_input_chars_per_word: 100,
        vocab: Object.fromEntries(toy.vocabulary.tokens().map((token, id) => [token, id])),
      },
    }
  }

  test('gives what the vocab.txt gives', () => {
    const tokenizer = tokenizerFromJson(JSON.stringify(description()))
    for (const text of ['No lung nodules', 'É 5mm [MASK]', '']) expect(tokenizer.encode(text)).toEqual(toy.encode(text))
  })

  test('its options count', () => {
    const cased = description()
    cased.normalizer.lowercase = false
    expect(tokenizerFromJson(JSON.stringify(cased)).pieces('No lung')).toEqual(['[UNK]', 'lung'])
  })

  test.each<[string, (value: Description) => void, RegExp]>([
    ['another model', ({ model }) => Object.assign(model, { type: 'BPE' }), /model\.type/],
    ['another normalizer', ({ normalizer }) => Object.assign(normalizer, { type: 'NFC' }), /normalizer\.type/],
    ['another template', ({ post_processor }) => Object.assign(post_processor, { single: [] }), /post_processor/],
    [
      'tokens that swallow spaces',
      (value) => Object.assign(value.added_tokens[4]!, { lstrip: true }),
      /tokens\.4\.lstrip/,
    ],
    [
      'two ids of one token',
      (value) => Object.assign(value.added_tokens[4]!, { id: 9 }),
      /'\[MASK\]' has id 4 .* and 9/,
    ],
    ['two tokens of one id', ({ model }) => Object.assign(model.vocab, { lung: 5 }), /share id 5/],
    ['a hole', ({ model }) => Object.assign(model.vocab, { lung: 5000 }), /has id 5000/],
    ['no unknown token', ({ model }) => Object.assign(model, { unk_token: '<unk>' }), /model\.unk_token/],
  ])('refuses %s', (_, change, message) => {
    const value = description()
    change(value)
    expect(() => tokenizerFromJson(JSON.stringify(value), 't.json')).toThrow(DataError)
    expect(() => tokenizerFromJson(JSON.stringify(value), 't.json')).toThrow(message)
  })

  test('files: by their ending, with errors that name them', async () => {
    const folder = await temporaryFolder()
    const [vocab, json, broken] = ['vocab.txt', 'tokenizer.json', 'latin1.txt'].map((name) => join(folder, name))
    await writeFile(vocab!, toy.vocabulary.tokens().join('\n'))
    await writeFile(json!, JSON.stringify(description()))
    await writeFile(broken!, Buffer.from([0x5b, 0xe9, 0x0a]))
    expect((await readTokenizer(vocab!)).encode('No lung').ids).toEqual([2, 92, 103, 3])
    expect((await readTokenizer(json!)).encode('No lung').ids).toEqual([2, 92, 103, 3])
    await expect(readTokenizer(json!, { lowercase: false })).rejects.toThrow(/brings its own options/)
    await expect(readTokenizer(broken!)).rejects.toThrow(/latin1\.txt: is not UTF-8/)
    await expect(readTokenizer(join(folder, 'none.txt'))).rejects.toThrow(DataError)
  })
})
