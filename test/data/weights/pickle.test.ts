import { describe, expect, test } from 'vitest'
import { DataError } from '../../../src/data/errors.js'
import { PickleEndError, UnsafePickleError } from '../../../src/data/pickle/errors.js'
import { readPickle } from '../../../src/data/pickle/machine.js'
import { sortContents } from '../../../src/data/torch/contents.js'
import { torchHost } from '../../../src/data/torch/globals.js'
import { StorageRegistry } from '../../../src/data/torch/storages.js'
import { fixture, fixtureNames, joined } from './fixtures.js'
import { op } from './pickle-bytes.js'

const host = torchHost(new StorageRegistry(), 'a.pkl', 'refuse')
const read = (bytes: Uint8Array) => readPickle(bytes, 0, 'a.pkl', host).value
const plain = (bytes: Uint8Array) => sortContents(read(bytes), 'a.pkl').metadata

const numbers = [0, 255, 256, -1, 65536, -(2 ** 31), 2 ** 40, -(2n ** 100n), 0.1, -1e300]

test.each(fixtureNames('pickle'))("Python's own pickles, protocol %s", (protocol) => {
  expect(plain(fixture('pickle', protocol))).toEqual({
    text: 'café 中 😀\n',
    numbers,
    constants: [true, false, null],
    tuples: [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]],
    bytes: Uint8Array.of(0, 255),
    set: [7],
    ordered: { a: [1] },
    '1': { nested: {} },
    again: numbers,
  })
})

test.each<[string, Uint8Array, unknown]>([
  ['a float of protocol 0', joined('F-1.5e3\n.'), -1500],
  ['an infinity of protocol 0', joined('F-inf\n.'), Number.NEGATIVE_INFINITY],
  ["Python 2's long", joined('L-12L\n.'), -12],
  ["Python 2's text", joined('U', [3], 'abc.'), 'abc'],
  ["Python 2's bytes", joined('U', [1, 0xff], '.'), Uint8Array.of(0xff)],
  ['a list above a mark', joined('(K', [1], 'K', [2], 'l.'), [1, 2]],
  ['a dictionary above a mark', joined('(', op.text('a'), 'Nd.'), { a: null }],
  ['what lies below a popped value', joined('NK', [1], '0.'), null],
  ['what lies below a popped mark', joined('N(K', [1], '1.'), null],
  ['a copy', joined('](K', [1], '2e.'), [1, 1]],
  ['a text key of any name', joined('}', op.text('__proto__'), 'Ns.'), Object.fromEntries([['__proto__', null]])],
  ['keys that are no text', joined('}(N', 'N', [0x88], 'N', 'K', [1], 'K', [2], [0x86], 'Nu.'), undefined],
])('reads %s', (_, bytes, expected) => {
  const value = plain(bytes)
  if (expected !== undefined) expect(value).toEqual(expected)
  else expect(Object.keys(value as object)).toEqual(['None', 'True', '(1, 2)'])
})

describe('refuses, and runs nothing of', () => {
  const system = op.global('posix', 'system')
  test.each<[string, Uint8Array, string]>([
    ['a call', joined(op.call(system, op.text('true')), '.'), 'posix.system'],
    ['a name that is only mentioned', joined(system, '.'), 'posix.system'],
    ['a name from the stack', joined(op.text('os'), op.text('system'), [0x93], ')R.'), 'os.system'],
    ['a dotted name', joined(op.text('torch'), op.text('os.system'), [0x93], '.'), 'torch.os.system'],
    ['an instance', joined('(', op.text('true'), 'ios\nsystem\n.'), 'os.system'],
    ['an object', joined('(', op.global('subprocess', 'Popen'), op.text('true'), 'o.'), 'subprocess.Popen'],
    ['a new object', joined(op.global('subprocess', 'Popen'), ')', [0x81], '.'), 'subprocess.Popen'],
    ['evaluation', joined(op.call(op.global('__builtin__', 'eval'), op.text('1')), '.'), 'builtins.eval'],
    ['attributes', joined(op.global('builtins', 'getattr'), '.'), 'builtins.getattr'],
    ['nested pickles', joined(op.global('torch.storage', '_load_from_bytes'), '.'), 'torch.storage._load_from_bytes'],
    ['a name of the prototype', joined(op.global('constructor', 'constructor'), '.'), 'constructor.constructor'],
  ])('%s', (_, bytes, name) => {
    expect(() => read(bytes)).toThrow(UnsafePickleError)
    expect(() => read(bytes)).toThrow(expect.objectContaining({ globalName: name, path: 'a.pkl' }))
  })
})

describe('refuses', () => {
  const length64 = (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(value)
    return bytes
  }
  test.each<[string, Uint8Array, RegExp]>([
    ['an unknown instruction', joined([0xff]), /0xff is no pickle instruction/],
    ['extension codes', joined([0x82, 1], '.'), /0x82/],
    ['out-of-band buffers', joined([0x97], '.'), /0x97/],
    ['a later protocol', joined([0x80, 6], 'N.'), /protocol 6/],
    ['an empty stack', joined('.'), /work left over/],
    ['two values', joined('NN.'), /work left over/],
    ['an open mark', joined('(N.'), /work left over/],
    ['no mark', joined('t.'), /no mark/],
    ['values below a mark', joined('N(a.'), /more values than there are/],
    ['an unknown memo', joined('h', [7], '.'), /remembered as 7/],
    ['a negative memo', joined('Np-1\n.'), /no place in the memo/],
    ['items of a number', joined('K', [1], 'Na.'), /appended to 1/],
    ['keys of a list', joined(']NNs.'), /set in a list/],
    ['a key without value', joined('}(Nu.'), /no value/],
    ['a list as key', joined('}]Ns.'), /a list is a key/],
    ['a set item that is a dictionary', joined([0x8f], '(}', [0x90], '.'), /a dictionary is a key/],
    ['arguments that are no tuple', joined(op.global('collections', 'OrderedDict'), ']R.'), /no tuple/],
    ['a call of text', joined(op.text('f'), ')R.'), /"f" is called/],
    ['an object of text', joined(op.text('f'), ')', [0x81], '.'), /an object of "f"/],
    ['state of a list', joined(']Nb.'), /a list takes no state/],
    [
      'a class that is called, but only mentioned',
      joined(op.global('builtins', 'list'), ')R.'),
      /builtins.list is called/,
    ],
    [
      'keyword arguments',
      joined(op.global('argparse', 'Namespace'), ')', op.dict({ a: op.none }), [0x92], '.'),
      /keyword/,
    ],
    ['text that is not UTF-8', joined('X', [1, 0, 0, 0, 0xff], '.'), /not UTF-8/],
    ['a huge integer', joined([0x8b, 0xff, 0xff, 0xff, 0xff]), /integer of 4294967295 bytes/],
    ['a huge decimal', joined('L', '9'.repeat(2000), '\n.'), /integer is malformed/],
    ['an endless line', joined('I', '9'.repeat(5000)), /line is too long/],
    ['a length beyond all numbers', joined([0x8e], length64(2n ** 63n)), /length of 9223372036854775808/],
    ['an escaped string of protocol 0', joined("S'a\\n'\n."), /with escapes/],
    ['a malformed float', joined('F1_0\n.'), /float is malformed/],
    ['a code point beyond Unicode', joined('V\\Uffffffff\n.'), /string is malformed/],
    ['a storage id that is none', joined(')Q.'), /no storage/],
    ['odd bytes', joined(op.call(op.global('_codecs', 'encode'), op.text('€'), op.text('latin1')), '.'), /strange way/],
  ])('%s', (_, bytes, message) => {
    expect(() => read(bytes)).toThrow(DataError)
    expect(() => read(bytes)).toThrow(message)
  })

  test('every truncation, as an end that more bytes could mend', () => {
    for (const protocol of fixtureNames('pickle')) {
      const bytes = fixture('pickle', protocol)
      for (let length = 0; length < bytes.length; length++) {
        expect(() => read(bytes.slice(0, length))).toThrow(PickleEndError)
      }
    }
  })
})

describe('bombs', () => {
  test.each<[string, () => Uint8Array, RegExp]>([
    ['lists without end', () => joined(new Uint8Array(7e6).fill(0x5d)), /more objects/],
    ['dictionaries without end', () => joined(new Uint8Array(7e6).fill(0x7d)), /more objects/],
    ['marks without end', () => joined(new Uint8Array(7e6).fill(0x28)), /more objects/],
    ['copies without end', () => joined('N', new Uint8Array(7e6).fill(0x32)), /more objects/],
    ['tuples in tuples', () => joined('N', new Uint8Array(7e6).fill(0x85)), /more objects/],
    [
      'one long text, encoded again and again',
      () => {
        const encode = joined(op.global('_codecs', 'encode'), 'q', [0], op.text('x'.repeat(1e6)), 'q', [1])
        return joined(
          encode,
          op.text('latin1'),
          'q',
          [2],
          ...Array(1000).fill(joined('h', [0], '(h', [1], 'h', [2], 'tR')),
        )
      },
      /more objects/,
    ],
  ])('%s', (_, make, message) => {
    expect(() => read(make())).toThrow(message)
  })

  test('lists of lists that double at each level', () => {
    const doubled = joined(
      ']q',
      [0],
      ...Array.from({ length: 40 }, (_, n) => joined(']q', [n + 1], '(h', [n], 'h', [n], 'e')),
    )
    // All but the last level stay on the stack; take them away one by one.
    const bytes = joined('(', doubled, 't.')
    expect(() => plain(bytes)).toThrow(/refer to each other|nest deeper/)
  })

  test('a list that contains itself', () => {
    expect(() => plain(joined(']q', [0], 'h', [0], 'a.'))).toThrow(/contain themselves/)
  })

  test('a key that nests without end', () => {
    expect(() => plain(joined('}N', new Uint8Array(5000).fill(0x85), 'Ns.'))).toThrow(/nests too deeply/)
  })
})
