import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseStrictJson, StrictJsonError } from './strict-json.ts'
import { codePoint } from './testing/code-point.ts'

const secret = 'correct horse battery staple'

test.each([
  ['in an object', '{"a":1,"a":1}'],
  ['with other members between', '{"a":1,"b":{"a":2},"a":3}'],
  ['once escaped', '{"sub":1,"s\\u0075b":2}'],
  ['with a blank before the colon', '{"a" :1,"a"\n:2}'],
  ['in an object in a list', '[{"a":1,"a":2}]'],
  ['with a tab or a return before the colon', '{"a"\t:1,"a"\r:2}'],
  ['after an object that was closed', '{"a":{},"a":{}}'],
  ['after a list that was closed', '{"a":[],"a":[]}'],
  ['empty', '{"":1,"":2}'],
])('parseStrictJson() refuses a member name that comes twice: %s [ASVS 1.5.3] [RFC7519-4]', (_, text) => {
  expect(() => parseStrictJson(text)).toThrow(StrictJsonError)
})

test.each([
  ['the same name in two objects', '[{"a":1},{"a":2}]', [{ a: 1 }, { a: 2 }]],
  ['the same name in an object and in one inside it', '{"a":{"a":1}}', { a: { a: 1 } }],
  ['a value like a name', '{"a":"b","b":"a"}', { a: 'b', b: 'a' }],
  ['text that looks like members', '{"a":"\\"a\\":1,{","b":"[[["}', { a: '"a":1,{', b: '[[[' }],
  ['a scalar', ' "x" ', 'x'],
  ['a small number that is written with a great exponent', '[0.00000001e310]', [1e302]],
  ['numbers of every form', '[0,-1,1.5,1e3,1E-3,-0]', [0, -1, 1.5, 1000, 0.001, -0]],
])('parseStrictJson() reads %s', (_, text, value) => {
  expect(parseStrictJson(text)).toEqual(value)
})

test.each([
  ['plain', '{"__proto__":{"admin":true}}'],
  ['escaped', '{"\\u005f_proto__":1}'],
  ['in a list', '[{"a":[{"__proto__":1}]}]'],
])('parseStrictJson() refuses the member name __proto__: %s', (_, text) => {
  expect(() => parseStrictJson(text)).toThrow(StrictJsonError)
})

test('parseStrictJson() says which rule the text broke', () => {
  const error = outcome(() => parseStrictJson('{"a":1,"a":1}'), String)

  expect(error).toBe('StrictJsonError: JSON text names a member twice')
})

test.each([
  ['a byte order mark', Buffer.from('\ufeff{}')],
  ['a byte that is not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['a byte that is not UTF-8 beside what stands in for such', Buffer.from([0x22, 0xef, 0xbf, 0xbd, 0xff, 0x22])],
  ['an overlong form', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
  ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ['UTF-16', Buffer.from('{}', 'utf16le')],
  ['nothing', Buffer.alloc(0)],
])('parseStrictJson() refuses bytes with %s [ASVS 1.5.3] [RFC8725-3.7]', (_, bytes) => {
  expect(() => parseStrictJson(bytes)).toThrow(StrictJsonError)
})

test.each([
  ['raw', '"\ud800"'],
  ['escaped', '"\\ud800"'],
  ['escaped in a name', '{"\\udc00":1}'],
  ['in the wrong order', '"\\udc00\\ud800"'],
  ['a byte order mark in text', '\ufeff{}'],
])('parseStrictJson() refuses text with a lone surrogate: %s [ASVS 1.5.3]', (_, text) => {
  expect(() => parseStrictJson(text)).toThrow(StrictJsonError)
})

test.each(['["a":1]', '"a":1', '["a":1,"a":2]', '"\\', '["\\'])(
  'parseStrictJson() refuses what is no JSON in its own words: %s',
  (text) => {
    expect(() => parseStrictJson(text)).toThrow(StrictJsonError)
  },
)

test.each(['1e999', '9e308', '-1e999', '[1e309]', `1${'0'.repeat(400)}`, '{"a":-1E400}'])(
  'parseStrictJson() refuses a number too great for a double: %s',
  (text) => {
    expect(() => parseStrictJson(text)).toThrow(StrictJsonError)
  },
)

test('parseStrictJson() reads the replacement character where it was sent as itself', () => {
  expect(parseStrictJson(Buffer.from('["\ufffd"]'))).toEqual(['\ufffd'])
})

test('parseStrictJson() takes 32 levels of nesting and refuses 33', () => {
  const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels)

  expect(parseStrictJson(nested(32))).toBeInstanceOf(Array)
  expect(() => parseStrictJson(nested(33))).toThrow(StrictJsonError)
})

test('parseStrictJson() takes another limit of nesting when asked', () => {
  expect(parseStrictJson('{"a":1}', { maxDepth: 1 })).toEqual({ a: 1 })
  expect(() => parseStrictJson('{"a":[]}', { maxDepth: 1 })).toThrow(StrictJsonError)
  expect(() => parseStrictJson('[]', { maxDepth: 0 })).toThrow(StrictJsonError)
})

test.each([`{"password":"${secret}",}`, `{"${secret}":1,"${secret}":2}`, `"${secret}`, `${secret}`])(
  'parseStrictJson() does not quote what it refuses',
  (text) => {
    const error = outcome(
      () => parseStrictJson(text),
      (caught) => caught,
    ) as StrictJsonError

    expect(`${error.message} ${error.stack} ${error.cause}`).not.toContain('horse')
  },
)

test('parseStrictJson() reads what JSON.stringify() writes, from text and from bytes', () => {
  const wellFormed = fc.jsonValue({ stringUnit: codePoint, maxDepth: 8 }).filter((value) => isStrict(value))
  fc.assert(
    fc.property(wellFormed, (value) => {
      const text = JSON.stringify(value)

      expect(parseStrictJson(text)).toEqual(JSON.parse(text))
      expect(parseStrictJson(Buffer.from(text))).toEqual(JSON.parse(text))
    }),
  )
})

test('parseStrictJson() never takes a text that JSON.parse() refuses, nor reads it as another value', () => {
  const fragments = fc.constantFrom(
    ...['{', '}', '[', ']', ':', ',', '"', '\\', '\\"', '"a"', '"b":', '\\u0061', ' ', '\t', '1', '-', '1e5', '0.5'],
    ...['true', 'null', '"\\ud83d\\ude00"', '\ufeff', '\u2028', '//', "'"],
  )
  fc.assert(
    fc.property(fc.array(fragments, { maxLength: 24 }), (pieces) => {
      const text = pieces.join('')
      const strict = outcome(() => parseStrictJson(text))

      expect(strict === refused || JSON.stringify(strict) === JSON.stringify(outcome(() => JSON.parse(text)))).toBe(
        true,
      )
    }),
    { numRuns: 3_000 },
  )
})

test('parseStrictJson() judges a text as JSON.stringify() spells it as the same text behind a blank', () => {
  const { value } = fc.letrec<{ value: string }>((tie) => {
    const name = fc.constantFrom('a', 'b', '', '0', '1', '__proto__', 'toJSON', '\\ud800', '\\u0061', 'é', '\ufffd')
    const member = fc.tuple(name, tie('value')).map(([key, text]) => `"${key}":${text}`)
    return {
      value: fc.oneof(
        { withCrossShrink: true, maxDepth: 6 },
        fc.constantFrom('0', '-0', '-1', '1.5', '1.50', '1e3', '1e21', '1e+21', '1e999', '9007199254740993', '01'),
        fc.constantFrom(
          'true',
          'null',
          '"[[[{{{"',
          '"a"',
          '"\\""',
          '"\\ud800"',
          '"\\u0061"',
          '"__proto__"',
          '" "',
          '""',
        ),
        fc.array(tie('value'), { maxLength: 4 }).map((items) => `[${items.join(',')}]`),
        fc.array(member, { maxLength: 5 }).map((members) => `{${members.join(',')}}`),
      ),
    }
  })
  fc.assert(
    fc.property(value, fc.integer({ min: 1, max: 8 }), fc.boolean(), (text, maxDepth, asBytes) => {
      const judge = (given: string) => {
        const input = asBytes ? Buffer.from(given) : given
        return outcome(() => parseStrictJson(input, { maxDepth }), String)
      }

      expect(judge(text)).toStrictEqual(judge(` ${text}`))
    }),
    { numRuns: 5_000 },
  )
})

const refused = Symbol('refused')

function outcome(read: () => unknown, onError: (error: unknown) => unknown = () => refused): unknown {
  try {
    return read()
  } catch (error) {
    return onError(error)
  }
}

function isStrict(value: unknown): boolean {
  const text = JSON.stringify(value)
  return text.isWellFormed() && !text.includes('__proto__') && !/\\ud[89a-f]/i.test(text)
}
