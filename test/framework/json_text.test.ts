import fc from 'fast-check'
import { findNodeAtLocation, parseTree } from 'jsonc-parser'
import { describe, expect, test } from 'vitest'
import { EnforceError } from '../../src/errors.ts'
import {
  isWrittenAsRead,
  type JsonTextOptions,
  jsonNumber,
  parseJsonText,
  pointerToken,
  toJsonText,
} from '../../src/framework/json_text.ts'
import { LIMITS } from '../../src/framework/limits.ts'

/** What a refusal says: code, pointer, line:column. */
function refusal(source: string | Uint8Array, options?: JsonTextOptions) {
  try {
    parseJsonText(source, options)
  } catch (error) {
    if (!(error instanceof EnforceError)) throw error
    const { code, category, where, summary, hint, expected, got } = error
    return {
      at: `${code} ${where?.pointer} ${where?.line}:${where?.column}`,
      code,
      category,
      where,
      summary,
      hint,
      expected,
      got,
    }
  }
  throw new Error('was accepted')
}
const utf8 = (text: string) => new TextEncoder().encode(text)
const bytes = (...values: number[]) => Uint8Array.from(values)

describe('J-01: what JSON is (RFC 8259)', () => {
  test.each([
    '[]',
    '{}',
    ' [ ] ',
    '\t\r\n{ } \n',
    'null',
    'true',
    'false',
    '""',
    '"x"',
    '0',
    '-0',
    '42',
    '-1',
    '0.5',
    '-0.0',
    '1e2',
    '1E2',
    '1e+2',
    '1E-2',
    '0e0',
    '0e+1',
    '1.5e300',
    '0e-400',
    '123.456e-7',
    '9007199254740992',
    '-9007199254740992',
    '0.00000000000000000000000000000000000000001',
    '[1,2,[3,[4]]]',
    '[null,true,false,"",0]',
    '{"":0}',
    '{"a":{"a":{"a":1}}}',
    '{"a":1,"b":2}',
    '{"a b":"c","\\n":1}',
    '["\\"\\\\\\/\\b\\f\\n\\r\\t"]',
    '["\\u0000","\\u00e9","\\uD834\\uDD1E","\\ud800"]',
    '["\u007f","\u00e9","\u20ac","\ud834\udd1e","\u2028","\ufeff"]',
    '[\n]',
    '{"__proto__":1,"constructor":2,"toString":3}',
  ])('accepts %j as JSON.parse does, from text and from bytes', (text) => {
    expect(parseJsonText(text).value).toEqual(JSON.parse(text))
    expect(parseJsonText(utf8(text)).value).toEqual(JSON.parse(new TextDecoder().decode(utf8(text))))
  })

  test.each([
    ['', 'E501  1:1'],
    ['  \n ', 'E501  2:2'],
    ['[', 'E501 /0 1:2'],
    ['[1', 'E501 /0 1:3'],
    ['[1,', 'E501 /1 1:4'],
    ['{', 'E501  1:2'],
    ['{"a"', 'E501 /a 1:5'],
    ['{"a":', 'E501 /a 1:6'],
    ['{"a":1', 'E501 /a 1:7'],
    ['{"a":1,', 'E501 /a 1:8'],
    [']', 'E501  1:1'],
    ['}', 'E501  1:1'],
    ['[}', 'E501 /0 1:2'],
    ['{]', 'E501  1:2'],
    ['[1}', 'E501 /0 1:3'],
    ['{"a":1]', 'E501 /a 1:7'],
    ['[1,]', 'E501 /1 1:4'],
    ['[,1]', 'E501 /0 1:2'],
    ['[1,,2]', 'E501 /1 1:4'],
    ['[1 2]', 'E501 /0 1:4'],
    ['{"a":1,}', 'E501 /a 1:8'],
    ['{,"a":1}', 'E501  1:2'],
    ['{"a":1 "b":2}', 'E501 /a 1:8'],
    ['{"a" 1}', 'E501 /a 1:6'],
    ['{"a"::1}', 'E501 /a 1:6'],
    ['{a:1}', 'E501  1:2'],
    ["{'a':1}", 'E501  1:2'],
    ['{1:1}', 'E501  1:2'],
    ['{null:1}', 'E501  1:2'],
    ['[] []', 'E501  1:4'],
    ['{}x', 'E501  1:3'],
    ['1 2', 'E501  1:3'],
    ['nul', 'E501  1:4'],
    ['nulL', 'E501  1:1'],
    ['True', 'E501  1:1'],
    ['TRUE', 'E501  1:1'],
    ['undefined', 'E501  1:1'],
    ['NaN', 'E501  1:1'],
    ['[NaN]', 'E501 /0 1:2'],
    ['[Infinity]', 'E501 /0 1:2'],
    ['[-Infinity]', 'E501 /0 1:3'],
    ['[+1]', 'E501 /0 1:2'],
    ['[.5]', 'E501 /0 1:2'],
    ['[5.]', 'E501 /0 1:4'],
    ['[-]', 'E501 /0 1:3'],
    ['[--1]', 'E501 /0 1:3'],
    ['[01]', 'E501 /0 1:3'],
    ['[-01]', 'E501 /0 1:4'],
    ['[00]', 'E501 /0 1:3'],
    ['[1e]', 'E501 /0 1:4'],
    ['[1e+]', 'E501 /0 1:5'],
    ['[1.e1]', 'E501 /0 1:4'],
    ['[1e1.5]', 'E501 /0 1:5'],
    ['[0x10]', 'E501 /0 1:3'],
    ['[1_000]', 'E501 /0 1:3'],
    ['[1a]', 'E501 /0 1:3'],
    ['[１]', 'E501 /0 1:2'],
    ['["a]', 'E501 /0 1:5'],
    ['["a\nb"]', 'E501 /0 1:4'],
    ['["a\tb"]', 'E501 /0 1:4'],
    ['["a\0b"]', 'E501 /0 1:4'],
    ['["\\x41"]', 'E501 /0 1:3'],
    ['["\\a"]', 'E501 /0 1:3'],
    ['["\\\u00e9"]', 'E501 /0 1:3'],
    ['["\\u12G4"]', 'E501 /0 1:3'],
    ['["\\u 123"]', 'E501 /0 1:3'],
    ['["\\U0041"]', 'E501 /0 1:3'],
    ['["\\', 'E501 /0 1:4'],
    ['["\\u00', 'E501 /0 1:7'],
    ['[1]/* no */', 'E501  1:4'],
    ['// no\n[1]', 'E501  1:1'],
    ['# no\n[1]', 'E501  1:1'],
    ['[\u00a01]', 'E501 /0 1:2'],
    ['[\v1]', 'E501 /0 1:2'],
    ['[\ufeff]', 'E501 /0 1:2'],
    ['{"a":[1,{"b/c":[\n  true,\n  x]}]}', 'E501 /a/1/b~1c/1 3:3'],
  ])('refuses %j: %s', (text, at) => {
    expect(() => JSON.parse(text)).toThrow()
    expect(refusal(text).at).toBe(at)
    expect(refusal(utf8(text)).at).toBe(at)
    expect(refusal(text).category).toBe('InvalidArgument')
  })

  test('agrees with JSON.parse on generated text, good and broken', () => {
    const alphabet = '{}[]:,"\\ntrueflas0123456789.-+eE \n\u00e9u'
    const broken = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ...alphabet), fc.boolean())
      .map(([text, where, letter, insert]) => {
        const at = where % (text.length + 1)
        return text.slice(0, at) + letter + text.slice(insert ? at : at + 1)
      })
    const soup = fc.array(fc.constantFrom(...alphabet), { maxLength: 12 }).map((letters) => letters.join(''))
    fc.assert(
      fc.property(fc.oneof(broken, soup, fc.json()), (text) => {
        let wanted: unknown
        let good = true
        try {
          wanted = JSON.parse(text)
        } catch {
          good = false
        }
        let code = ''
        try {
          expect(parseJsonText(text).value).toEqual(wanted)
        } catch (error) {
          if (!(error instanceof EnforceError)) throw error
          code = error.code
        }
        expect(good ? ['', 'E502', 'E503', 'E602'] : ['E501', 'E502', 'E503', 'E602']).toContain(code)
      }),
      { numRuns: 5000, seed: 11 },
    )
  })
})

describe('what the error says', () => {
  test('file, line and column, what was wanted, what was there', () => {
    const error = refusal('{\n  "a": tru,\n}', { file: 'net.json' })
    expect(error.where).toEqual({ file: 'net.json', line: 2, column: 8, pointer: '/a' })
    expect(error.summary).toBe('not JSON: expected a value, got "tru"')
    expect(error.expected).toBe('a value')
    expect(error.got).toBe('"tru"')
  })

  test('text that ends too early, at every character and byte of a small program', () => {
    const text = '{"format": "oarlock-program", "v": [-1.5e3, tr\\u00e9'.replace(
      'tr\\u00e9',
      'true, null, "h\u00e9\\u00e9\\n"]}',
    )
    expect(parseJsonText(text).value).toBeDefined()
    for (let end = 1; end < text.length; end++) {
      const error = refusal(text.slice(0, end))
      expect([end, error.at.slice(0, 4), error.summary]).toEqual([end, 'E501', 'not JSON: the text ends too early'])
      expect([error.where?.line, error.where?.column]).toEqual([1, end + 1])
    }
    const encoded = utf8(text)
    for (let end = 1; end < encoded.length; end++) {
      const error = refusal(encoded.subarray(0, end))
      expect([end, error.code, error.summary]).toEqual([end, 'E501', 'not JSON: the text ends too early'])
    }
    expect(refusal('').summary).toBe('not JSON: the file is empty')
    expect(refusal('\n\n').summary).toBe('not JSON: there is only white space')
  })

  test.each<[string, Uint8Array | string, RegExp]>([
    ['PNG', bytes(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13), /PNG/],
    ['JPEG', bytes(0xff, 0xd8, 0xff, 0xe0), /JPEG/],
    ['gzip', bytes(0x1f, 0x8b, 8, 0), /gzip/],
    ['zip', bytes(0x50, 0x4b, 3, 4, 20, 0), /zip/],
    ['zip read as text', 'PK\u0003\u0004\u0014', /zip/],
    ['ELF', bytes(0x7f, 0x45, 0x4c, 0x46, 2, 1), /ELF/],
    ['npy', bytes(0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0), /\.npy/],
    ['pickle 2', bytes(0x80, 2, 0x7d), /pickle/],
    ['pickle 4', bytes(0x80, 4, 0x95), /pickle/],
    ['pickle 5', bytes(0x80, 5, 0x95), /pickle/],
    ['ProgramDesc', bytes(0x0a, 0xc2, 0x1e, 8, 0, 0x10, 0xff, 0xff, 0xff, 0xff), /\.pdmodel.*Program\.from/],
    ['ProgramDesc in UTF-8 range', bytes(0x0a, 0x22, 8, 0, 0x10, 1), /\.pdmodel/],
    ['UTF-16 LE', bytes(0xff, 0xfe, 0x7b, 0, 0x7d, 0), /UTF-16/],
    ['UTF-16 BE', bytes(0xfe, 0xff, 0, 0x7b, 0, 0x7d), /UTF-16/],
    ['UTF-16 without mark', bytes(0, 0x7b, 0, 0x7d), /UTF-16/],
    ['HTML', '<!DOCTYPE html><html></html>', /HTML/],
    ['XML', '\n<?xml version="1.0"?>', /XML/],
  ])('names a file of another kind: %s', (_name, source, hint) => {
    const error = refusal(source)
    expect(error.code).toBe('E501')
    expect(error.where?.pointer).toBe('')
    expect(error.hint).toMatch(hint)
  })

  test.each([
    ['[NaN]', /"NaN"/],
    ['[-Infinity]', /"-Infinity"/],
    ['// hi\n{}', /comments/],
    ['[1,\n]', /drop the comma/],
    ["['a']", /double quotes/],
    ['[True]', /lower case/],
  ])('knows the mistake in %j', (text, hint) => {
    expect(refusal(text).hint).toMatch(hint)
  })

  test('bytes that are not UTF-8, with their place', () => {
    expect(refusal(bytes(...utf8('["\n'), 0x61)).at).toBe('E501 /0 1:3')
    for (const bad of [
      [0x80],
      [0xc0, 0x80],
      [0xc3, 0x28],
      [0xe0, 0x80, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xf8],
    ]) {
      const error = refusal(bytes(...utf8('[\n"\u00e9'), ...bad, ...utf8('"]')))
      expect(error.at).toBe('E501  2:3')
      expect(error.summary).toBe(`not JSON: byte 5 (0x${bad[0]!.toString(16)}) is not UTF-8`)
    }
  })

  test('a byte-order mark is skipped and has no column', () => {
    expect(parseJsonText('\ufeff{}').value).toEqual({})
    expect(parseJsonText(bytes(0xef, 0xbb, 0xbf, 0x7b, 0x7d)).value).toEqual({})
    expect(refusal('\ufeff{x').at).toBe('E501  1:2')
    expect(refusal(bytes(0xef, 0xbb, 0xbf, 0x7b, 0x78)).at).toBe('E501  1:2')
    expect(refusal('\ufeff\ufeff{}').at).toBe('E501  1:1')
  })
})

describe('limits', () => {
  test('nesting of 64 levels passes, 65 do not: arrays, objects, both', () => {
    expect(LIMITS.nesting).toBe(64)
    for (const [open, close, step] of [
      ['[', ']', '/0'],
      ['{"a":', '}', '/a'],
      ['[{"a":', '}]', '/0/a'],
    ] as const) {
      const levels = open.startsWith('[{') ? 2 : 1
      const good = `${open.repeat(64 / levels)}1${close.repeat(64 / levels)}`
      expect(parseJsonText(good).value).toEqual(JSON.parse(good))
      const error = refusal(`${open.repeat(64 / levels)}[1]${close.repeat(64 / levels)}`)
      expect(error.at).toBe(`E602 ${step.repeat(64 / levels)} 1:${(open.length * 64) / levels + 1}`)
      expect(error.category).toBe('ResourceExhausted')
      expect(error.expected).toBe('at most 64 levels')
    }
    expect(refusal('[[[]]]', { limits: { nesting: 2 } }).at).toBe('E602 /0/0 1:3')
  })

  test.each([100_000, 5_000_000])('nesting of %i levels is refused', (levels) => {
    for (const text of ['['.repeat(levels), '{"a":'.repeat(levels), '[{"a":'.repeat(levels)]) {
      expect(refusal(text).code).toBe('E602')
    }
    expect(refusal('['.repeat(levels)).at).toBe(`E602 ${'/0'.repeat(64)} 1:65`)
  })

  test('deep nesting that closes again passes', () => {
    expect(parseJsonText(`[${'[[]],'.repeat(1000)}[]]`).value).toHaveLength(1001)
  })

  test('more arrays and objects than the limit', () => {
    expect(parseJsonText('[{},[]]', { limits: { containers: 3 } }).value).toEqual([{}, []])
    const error = refusal('[{},\n[[]]]', { limits: { containers: 3 } })
    expect([error.at, error.category]).toEqual(['E603 /1/0 2:2', 'ResourceExhausted'])
    expect(refusal(`[${'{},'.repeat(21_000_000)}0]`).at).toBe(
      `E603 /${LIMITS.containers - 1} 1:${3 * LIMITS.containers - 1}`,
    )
  })

  test('size: one byte more than the limit is refused unread', () => {
    const options = { limits: { programBytes: 10 }, file: 'big.json' }
    expect(parseJsonText('"12345678"', options).value).toBe('12345678')
    for (const source of ['"123456789"', utf8('"123456789"')]) {
      const error = refusal(source, options)
      expect([error.code, error.category, error.expected, error.got]).toEqual([
        'E601',
        'ResourceExhausted',
        'at most 10 bytes',
        '11 bytes',
      ])
      expect(error.where).toEqual({ file: 'big.json', pointer: '' })
    }
    expect(refusal(new Uint8Array(LIMITS.programBytes + 1)).code).toBe('E601')
  })

  test('64 MB of garbage is refused', () => {
    const size = LIMITS.programBytes
    const noise = new Uint8Array(size)
    for (let i = 0, seed = 1; i < size; i++) noise[i] = (seed = (seed * 1103515245 + 12345) & 0x7fffffff) >> 16
    const sources: [Uint8Array, string][] = [
      [new Uint8Array(size), 'E501'],
      [noise, 'E501'],
      [new Uint8Array(size).fill(0x20), 'E501'],
      [new Uint8Array(size).fill(0x22), 'E501'],
      [new Uint8Array(size).fill(0x31), 'E503'],
      [new Uint8Array(size).fill(0x5b), 'E602'],
      [new Uint8Array(size).fill(0x80), 'E501'],
    ]
    const late = new Uint8Array(size).fill(0x20)
    late[0] = 0x5b
    late[size - 1] = 0x78
    sources.push([late, 'E501'])
    for (const [source, code] of sources) {
      expect(refusal(source).code).toBe(code)
    }
  })
})

describe('members given twice', () => {
  test.each([
    ['{"a":1,"a":2}', 'E502 /a 1:8'],
    ['{"type":1,"\\u0074ype":2}', 'E502 /type 1:11'],
    ['{"\\u0074ype":1,"type":2}', 'E502 /type 1:16'],
    ['{"":1,\n"":2}', 'E502 / 2:1'],
    ['{"__proto__":1,"\\u005f_proto__":2}', 'E502 /__proto__ 1:16'],
    ['{"blocks":[{},{"ops":[],"vars":[],"ops":[]}]}', 'E502 /blocks/1/ops 1:35'],
    ['{"a~/b":1,"a~/b":1}', 'E502 /a~0~1b 1:11'],
    ['{"a":{"b":1},"a":{}}', 'E502 /a 1:14'],
  ])('%s is refused: %s', (text, at) => {
    const error = refusal(text)
    expect(error.at).toBe(at)
    expect(error.category).toBe('InvalidArgument')
  })

  test('names may return in other objects', () => {
    const text = '{"a":{"a":[{"a":1},{"a":2}],"b":{"a":3}},"b":4}'
    expect(parseJsonText(text).value).toEqual(JSON.parse(text))
  })

  test('names that only look equal are different', () => {
    const names = ['\u00e9', 'e\u0301', 'A', 'a', 'a\0', '\ud800', '\ud800\udc00', '\u202ea']
    const text = JSON.stringify(Object.fromEntries(names.map((name, i) => [name, i])))
    expect(Object.keys(parseJsonText(text).value as object)).toEqual(names)
  })

  test('short and long lists of names: the second to the thirtieth member repeats any earlier one', () => {
    for (let count = 1; count < 30; count++) {
      const members = Array.from({ length: count }, (_, i) => `"k${i}":0`).join(',')
      expect(parseJsonText(`[{${members}},{${members}}]`).value).toHaveLength(2)
      for (let k = 0; k < count; k++) {
        expect(refusal(`[{},{${members},"k${k}":1}]`).at).toBe(`E502 /1/k${k} 1:${7 + members.length}`)
      }
    }
  })

  test('an object with 262,144 members is read in linear time, one more is refused', () => {
    const members = Array.from({ length: LIMITS.members }, (_, i) => `"k${i}":0`)
    expect(Object.keys(parseJsonText(`{${members.join(',')}}`).value as object)).toHaveLength(LIMITS.members)
    const error = refusal(`{${members.join(',')},"more":1}`)
    expect([error.code, error.category, error.where?.pointer]).toEqual(['E603', 'ResourceExhausted', '/more'])
    expect(error.where?.line).toBe(1)
    members[members.length - 1] = '"k7":0'
    expect(refusal(`{${members.join(',')}}`).at).toMatch(/^E502 \/k7 1:\d+$/)
  })
})

describe('numbers', () => {
  test.each(['10000000000000000', '100000000000000000000', '9007199254740994'])(
    '%s keeps its digits as a number',
    (number) => {
      expect(String((parseJsonText(`[${number}]`).value as number[])[0])).toBe(number)
    },
  )

  test.each([
    ['9007199254740993', 'E503 /0 1:2'],
    ['-9007199254740993', 'E503 /0 1:2'],
    ['9223372036854775807', 'E503 /0 1:2'],
    ['9223372036854775808', 'E503 /0 1:2'],
    ['-9223372036854775808', 'E503 /0 1:2'],
    ['1e400', 'E503 /0 1:2'],
    ['-1e400', 'E503 /0 1:2'],
    [`${'9'.repeat(400)}.5`, 'E503 /0 1:2'],
  ])('%s would lose digits', (number, at) => {
    const error = refusal(`[${number}]`)
    expect(error.at).toBe(at)
    expect(error.category).toBe('InvalidArgument')
    expect(error.hint).toMatch(/string/)
  })

  test.each([
    ['9007199254740992', 2 ** 53],
    ['-9007199254740992', -(2 ** 53)],
    ['9007199254740993.0', 2 ** 53],
    ['1e20', 1e20],
    ['1.7976931348623157e308', Number.MAX_VALUE],
    ['0e-400', 0],
    ['5e-324', 5e-324],
    ['-0', -0],
    ['1e3', 1000],
    ['1.0', 1],
  ])('%s is read', (text, value) => {
    expect(parseJsonText(`[${text}]`).value).toEqual([value])
  })

  test.each(['1e-400', '-1e-400', `0.${'0'.repeat(330)}1`, '123.456e-789'])('J-07: %s would become 0', (number) => {
    const error = refusal(`[${number}]`)
    expect([error.at, error.category]).toEqual(['E503 /0 1:2', 'InvalidArgument'])
  })

  test('J-07: where they may stand, integers beyond 2^53 are read digit for digit, and no others', () => {
    const bigIntegerAt = (pointer: string) => pointer.startsWith('/a~1b/')
    const read = (text: string) => parseJsonText(text, { bigIntegerAt }).value
    expect(read('{"a/b": [9007199254740992, -9223372036854775808, 7, [9223372036854775807]], "c": 1}')).toEqual({
      'a/b': [9007199254740992n, -9223372036854775808n, 7, [9223372036854775807n]],
      c: 1,
    })
    for (const [text, pointer] of [
      ['{"a/b": [9223372036854775808]}', '/a~1b/0'],
      ['{"a/b": [-9223372036854775809]}', '/a~1b/0'],
      ['{"a/b": [1], "c": 9007199254740993}', '/c'],
    ] as const) {
      expect(refusal(text, { bigIntegerAt }).at).toMatch(`E503 ${pointer} `)
    }
  })

  test('jsonNumber and toJsonText give text that reads back as the same value', () => {
    expect([0, -0, 1.5, 2 ** 53, 2 ** 60, -1e20, 1e300, Number.NaN, -Infinity].map(jsonNumber)).toEqual([
      '0',
      '-0',
      '1.5',
      '9007199254740992',
      '1.152921504606847e+18',
      '-1e+20',
      '1e+300',
      '"NaN"',
      '"-Infinity"',
    ])
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
        expect(parseJsonText(jsonNumber(number)).value).toBe(number)
      }),
      { numRuns: 2000, seed: 12 },
    )
    const value = { a: [-0, 1e20, 'x', null, [true]], b: { '': -0 }, c: [1, 2], d: undefined, e: '\ud800\n' }
    expect(toJsonText(value)).toBe('{"a":[-0,1e+20,"x",null,[true]],"b":{"":-0},"c":[1,2],"e":"\\ud800\\n"}')
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (json) => {
        expect(parseJsonText(toJsonText(json)).value).toEqual(json)
      }),
      { numRuns: 1000, seed: 13 },
    )
  })
})

describe('names that objects have already', () => {
  test('become own members; nothing else changes', () => {
    const before = Object.getOwnPropertyNames(Object.prototype)
    const text =
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"toString":1,"hasOwnProperty":2,"x":{"\\u005f_proto__":{"polluted":1}}}'
    const value = parseJsonText(text).value as Record<string, unknown>
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'x'])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before)
    expect(parseJsonText(text).locate('/__proto__/polluted')).toEqual({ line: 1, column: 26 })
    expect(toJsonText(value)).toBe(text.replace('\\u005f', '_'))
  })
})

describe('locate', () => {
  test('gives line and column of values', () => {
    const { locate } = parseJsonText(
      '\ufeff{\n "a/b": [1, {"~": "x,]}"}],\r\n "":{"":-1.5e3}, "01": {}, "\\u00e9": []}\n',
    )
    expect(locate('')).toEqual({ line: 1, column: 1 })
    expect(locate('/a~1b')).toEqual({ line: 2, column: 9 })
    expect(locate('/a~1b/0')).toEqual({ line: 2, column: 10 })
    expect(locate('/a~1b/1/~0')).toEqual({ line: 2, column: 19 })
    expect(locate('/')).toEqual({ line: 3, column: 5 })
    expect(locate('//')).toEqual({ line: 3, column: 9 })
    expect(locate('/01')).toEqual({ line: 3, column: 24 })
    expect(locate('/\u00e9')).toEqual({ line: 3, column: 38 })
    for (const missing of ['a', '/b', '/a~1b/2', '/a~1b/-1', '/a~1b/01', '/a~1b/0/0', '/01/x', '/\u00e9/0']) {
      expect(locate(missing)).toBeUndefined()
    }
  })

  test('agrees with jsonc-parser on generated documents', () => {
    const paths = (value: unknown): (string | number)[][] =>
      typeof value !== 'object' || value === null
        ? [[]]
        : [
            [],
            ...Object.keys(value).flatMap((key) =>
              paths((value as Record<string, unknown>)[key]).map((path) => [
                Array.isArray(value) ? Number(key) : key,
                ...path,
              ]),
            ),
          ]
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }).filter(isWrittenAsRead), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        const tree = parseTree(text)!
        const { locate } = parseJsonText(text)
        for (const path of paths(JSON.parse(text))) {
          const { offset } = findNodeAtLocation(tree, path)!
          const before = text.slice(0, offset).split('\n')
          expect(locate(path.map(pointerToken).join(''))).toEqual({
            line: before.length,
            column: before.at(-1)!.length + 1,
          })
        }
      }),
      { numRuns: 500, seed: 14 },
    )
  })
})
