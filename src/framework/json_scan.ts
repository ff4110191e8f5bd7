/**
 * One linear pass over JSON text that finds the first thing wrong with it, and the way back from a JSON pointer to a place in the text.
 * Neither recurses or builds values; `json_text.ts` puts them around JSON.parse.
 */
import type { Limits } from './limits.ts'

/** One reference token of a JSON pointer. */
export const pointerToken = (name: string | number): string =>
  `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`

const TWO_53_DIGITS = String(2 ** 53)

export interface Fault {
  readonly code: 'E501' | 'E502' | 'E503' | 'E602' | 'E603'
  readonly message: string
  readonly offset: number
  readonly pointer: string
  /** Containers open at the fault. */
  readonly depth: number
  readonly expected?: string
  readonly got?: string
  readonly hint?: string | undefined
}

/** An integer that a number cannot hold, and where it stands. */
export interface BigInteger {
  readonly pointer: string
  readonly start: number
  readonly end: number
}

/** Which integers beyond 2^53 may stand in a text. */
export interface BigIntegers {
  /** Whether the value behind a pointer may be one. */
  readonly allowed: (pointer: string) => boolean
  /** Those that were found, in the order of the text. */
  readonly found: BigInteger[]
}

/** Names of an object beyond which a set keeps them. */
const SHORT_LIST = 16

const TAB = 9
const LINE_FEED = 10
const RETURN = 13
const SPACE = 32
const QUOTE = 34
const COMMA = 44
const MINUS = 45
const DOT = 46
const ZERO = 48
const NINE = 57
const COLON = 58
const OPEN_ARRAY = 91
const BACKSLASH = 92
const CLOSE_ARRAY = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

// What may come next. After FIRST_* the container may also close.
const VALUE = 0
const FIRST_VALUE = 1
const NAME = 2
const FIRST_NAME = 3
const AFTER_VALUE = 4

/**
 * Told where each value begins, how many containers are open there and, if the innermost one is an array, which element of it this is.
 * Returns true to go no further.
 */
type OnValue = (offset: number, depth: number, element: number | undefined, here: () => string) => boolean

/** The first thing in `text` that is wrong. One pass; memory is the member names of the objects that are open. */
export function findFault(
  text: string,
  limits: Pick<Limits, 'nesting' | 'members' | 'containers'>,
  bigIntegers?: BigIntegers,
  onValue?: OnValue,
): Fault | undefined {
  const end = text.length
  const inObject: boolean[] = [false]
  /** Per open container, where its latest member name begins, or how many elements lie before the current one; for pointers in errors. */
  const at: number[] = [0]
  /** Per depth, the names so far of the object that is open there. A list is searched faster than a set is made, while it is short. */
  const names: string[][] = []
  const manyNames: (Set<string> | undefined)[] = []
  let containers = 0
  let depth = 0
  let state = VALUE
  let i = 0

  const here = (): string => {
    let pointer = ''
    for (let level = 1; level <= depth; level++) {
      if (!inObject[level]) pointer += `/${at[level]}`
      else if (at[level]! >= 0) pointer += pointerToken(nameAt(text, at[level]!))
    }
    return pointer
  }
  const fault = (offset: number, code: Fault['code'], message: string, rest: Partial<Fault> = {}): Fault => ({
    code,
    message,
    offset,
    pointer: here(),
    depth,
    ...rest,
  })
  const unexpected = (offset: number, expected: string): Fault => {
    if (offset >= end) {
      const what =
        end === 0 ? 'the file is empty' : text.trim() === '' ? 'there is only white space' : 'the text ends too early'
      return fault(end, 'E501', `not JSON: ${what}`, { expected, got: 'the end of the text' })
    }
    const got = describeAt(text, offset)
    const hint = commonMistake(text, offset)
    return fault(offset, 'E501', `not JSON: expected ${expected}, got ${got}`, {
      expected,
      got,
      hint,
    })
  }

  for (;;) {
    while (i < end) {
      const space = text.charCodeAt(i)
      if (space !== SPACE && space !== LINE_FEED && space !== RETURN && space !== TAB) break
      i++
    }
    if (i >= end) return state === AFTER_VALUE && depth === 0 ? undefined : unexpected(end, 'more text')
    const c = text.charCodeAt(i)

    if (state === AFTER_VALUE) {
      if (depth === 0) return unexpected(i, 'nothing after the document')
      if (c === COMMA) {
        if (inObject[depth]) state = NAME
        else {
          at[depth]!++
          state = VALUE
        }
      } else if (c === (inObject[depth] ? CLOSE_OBJECT : CLOSE_ARRAY)) depth--
      else return unexpected(i, inObject[depth] ? '"," or "}"' : '"," or "]"')
      i++
      continue
    }

    if (state === NAME || state === FIRST_NAME) {
      if (c === CLOSE_OBJECT && state === FIRST_NAME) {
        depth--
        state = AFTER_VALUE
        i++
        continue
      }
      if (c !== QUOTE)
        return unexpected(
          i,
          state === NAME ? 'a member name in double quotes' : 'a member name in double quotes or "}"',
        )
      const close = stringEnd(text, i + 1)
      if (close < 0) return brokenString(~close)
      at[depth] = i
      const raw = text.slice(i + 1, close)
      const name = raw.includes('\\') ? nameAt(text, i) : raw
      const list = names[depth]!
      const set = manyNames[depth]
      const twice = set === undefined ? list.includes(name) : set.has(name)
      if (set !== undefined) set.add(name)
      else if (list.push(name) > SHORT_LIST) manyNames[depth] = new Set(list)
      if (twice) {
        return fault(i, 'E502', `member ${JSON.stringify(shorten(name))} is given twice in one object`, {
          expected: 'each member once',
          got: shorten(name),
        })
      }
      if (set !== undefined && set.size > limits.members) {
        return fault(i, 'E603', `an object of more than ${limits.members} members`, {
          expected: `at most ${limits.members} members`,
          got: `${set.size} members`,
          hint: 'raise the limit `members`',
        })
      }
      i = close + 1
      while (i < end) {
        const space = text.charCodeAt(i)
        if (space !== SPACE && space !== LINE_FEED && space !== RETURN && space !== TAB) break
        i++
      }
      if (i >= end || text.charCodeAt(i) !== COLON) return unexpected(i, '":"')
      i++
      state = VALUE
      continue
    }

    if (c !== CLOSE_ARRAY && onValue?.(i, depth, inObject[depth] ? undefined : at[depth], here) === true)
      return undefined
    if (c === QUOTE) {
      const close = stringEnd(text, i + 1)
      if (close < 0) return brokenString(~close)
      i = close + 1
    } else if (c === OPEN_OBJECT || c === OPEN_ARRAY) {
      if (depth >= limits.nesting) {
        return fault(i, 'E602', `nesting deeper than the limit of ${limits.nesting} levels`, {
          expected: `at most ${limits.nesting} levels`,
          got: `level ${depth + 1}`,
        })
      }
      if (++containers > limits.containers) {
        return fault(i, 'E603', `more than ${limits.containers} arrays and objects`, {
          expected: `at most ${limits.containers} arrays and objects`,
          got: `${containers} of them`,
          hint: 'raise the limit `containers`',
        })
      }
      depth++
      i++
      inObject[depth] = c === OPEN_OBJECT
      at[depth] = c === OPEN_OBJECT ? -1 : 0
      if (c === OPEN_OBJECT) {
        if (names[depth] === undefined) names[depth] = []
        else names[depth]!.length = 0
        manyNames[depth] = undefined
      }
      state = c === OPEN_OBJECT ? FIRST_NAME : FIRST_VALUE
      continue
    } else if (c === CLOSE_ARRAY && state === FIRST_VALUE) {
      depth--
      i++
    } else if (c === MINUS || (c >= ZERO && c <= NINE)) {
      const digits = c === MINUS ? i + 1 : i
      const integerEnd = digitsEnd(text, digits)
      if (integerEnd === digits) return unexpected(digits, 'a digit')
      if (integerEnd > digits + 1 && text.charCodeAt(digits) === ZERO) {
        return unexpected(digits + 1, 'no digit after a leading 0')
      }
      let next = integerEnd
      if (text.charCodeAt(next) === DOT) {
        const fraction = next + 1
        next = digitsEnd(text, fraction)
        if (next === fraction) return unexpected(next, 'a digit')
      }
      let exponentDigits = 0
      if ((text.charCodeAt(next) | 32) === 101) {
        const sign = text.charCodeAt(next + 1)
        const exponent = sign === MINUS || sign === 43 ? next + 2 : next + 1
        next = digitsEnd(text, exponent)
        if (next === exponent) return unexpected(next, 'a digit')
        exponentDigits = next - exponent
      }
      if (next === integerEnd && integerEnd - digits >= TWO_53_DIGITS.length) {
        const isLonger = integerEnd - digits > TWO_53_DIGITS.length
        const tooLarge = isLonger || text.slice(digits, integerEnd) > TWO_53_DIGITS
        const isUnsure = isLonger || text.slice(digits, integerEnd) >= TWO_53_DIGITS
        if (isUnsure && isInt64(text, i, integerEnd) && bigIntegers?.allowed(here()) === true) {
          bigIntegers.found.push({ pointer: here(), start: i, end: next })
        }
        // 1e20 is written by JSON.stringify with all its digits, and they come back the same.
        else if (tooLarge && String(Number(text.slice(digits, integerEnd))) !== text.slice(digits, integerEnd)) {
          return fault(i, 'E503', `integer ${shorten(text.slice(i, next))} is beyond 2^53 and would lose digits`, {
            expected: 'an integer of at most 2^53',
            got: shorten(text.slice(i, next)),
            hint: 'write it as a string of digits',
          })
        }
      } else if (exponentDigits > 2 || next - i > 300) {
        const number = Number(text.slice(i, next))
        if (number === 0 && /^-?[0.]*[1-9]/.test(text.slice(i, next))) {
          return fault(i, 'E503', `number ${shorten(text.slice(i, next))} is so small that a double makes 0 of it`, {
            expected: '0, or a number of at least 5e-324',
            got: shorten(text.slice(i, next)),
            hint: 'write 0 if that is meant',
          })
        }
        if (Number.isFinite(number)) {
          i = next
          state = AFTER_VALUE
          continue
        }
        return fault(i, 'E503', `number ${shorten(text.slice(i, next))} is beyond what a double can hold`, {
          expected: 'a number below 1.8e308',
          got: shorten(text.slice(i, next)),
          hint: 'write infinities as the strings "Infinity" and "-Infinity"',
        })
      }
      i = next
    } else {
      const word = c === 116 ? 'true' : c === 102 ? 'false' : c === 110 ? 'null' : ''
      if (word === '' || !text.startsWith(word, i)) {
        return unexpected(word !== '' && word.startsWith(text.slice(i, i + word.length)) ? end : i, 'a value')
      }
      i += word.length
    }
    state = AFTER_VALUE
  }

  function brokenString(offset: number): Fault {
    if (offset >= end) return unexpected(end, 'the closing quote of a text')
    if (text.charCodeAt(offset) !== BACKSLASH) {
      return unexpected(offset, 'an escape such as \\n for a control character')
    }
    const sequence = text.slice(offset, offset + 6)
    return sequence.length < 6 && /^\\(u[0-9a-fA-F]*)?$/.test(sequence)
      ? unexpected(end, 'the rest of an escape')
      : fault(
          offset,
          'E501',
          `not JSON: ${JSON.stringify(sequence.slice(0, sequence[1] === 'u' ? 6 : 2))} is no escape`,
          {
            expected: 'one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX',
            got: sequence.slice(0, sequence[1] === 'u' ? 6 : 2),
          },
        )
  }
}

/** Offset of the closing quote of a string whose content begins at `i`; if it is broken, the complement (~) of the fault's offset. */
function stringEnd(text: string, i: number): number {
  const end = text.length
  for (; i < end; i++) {
    const c = text.charCodeAt(i)
    if (c === QUOTE) return i
    if (c < SPACE) return ~i
    if (c === BACKSLASH) {
      const letter = text.charCodeAt(i + 1)
      if (letter === 117) {
        for (let k = i + 2; k < i + 6; k++) if (!isHexDigit(text.charCodeAt(k))) return ~i
        i += 5
      } else if (ESCAPES.has(letter)) i++
      else return ~i
    }
  }
  return ~end
}

const ESCAPES = new Set(['"', '\\', '/', 'b', 'f', 'n', 'r', 't'].map((c) => c.charCodeAt(0)))
const isHexDigit = (c: number): boolean => (c >= ZERO && c <= NINE) || ((c | 32) >= 97 && (c | 32) <= 102)

const isInt64 = (text: string, start: number, end: number): boolean =>
  end - start <= 20 && BigInt.asIntN(64, BigInt(text.slice(start, end))) === BigInt(text.slice(start, end))

function digitsEnd(text: string, i: number): number {
  for (;;) {
    const c = text.charCodeAt(i)
    if (!(c >= ZERO && c <= NINE)) return i
    i++
  }
}

/** The string whose opening quote is at `quote`, its escapes resolved. */
const nameAt = (text: string, quote: number): string => JSON.parse(text.slice(quote, stringEnd(text, quote + 1) + 1))

const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text)

function describeAt(text: string, offset: number): string {
  const word = /^[\w$.+-]{2,20}/.exec(text.slice(offset, offset + 20))
  if (word !== null) return JSON.stringify(word[0])
  const c = text.codePointAt(offset)!
  return c > SPACE && c < 127 ? JSON.stringify(text[offset]) : `U+${c.toString(16).toUpperCase().padStart(4, '0')}`
}

function commonMistake(text: string, offset: number): string | undefined {
  const rest = text.slice(offset, offset + 10)
  if (/^(NaN|[-+]?Infinity)/.test(rest) || (rest.startsWith('Infinity') && text[offset - 1] === '-')) {
    return 'write NaN and infinities as the strings "NaN", "Infinity", "-Infinity"'
  }
  if (rest.startsWith('//') || rest.startsWith('/*') || rest.startsWith('#'))
    return 'JSON has no comments; use a member that begins with $'
  if (rest.startsWith("'")) return 'JSON has double quotes only'
  if (/^[\]}]/.test(rest) && /,\s*$/.test(text.slice(Math.max(0, offset - 64), offset)))
    return 'drop the comma before it'
  if (/^(True|False|None)\b/.test(rest)) return 'JSON has true, false and null, in lower case'
  return undefined
}

/** Offset of the value behind `pointer` in a text that has no fault. */
export function findPointer(text: string, pointer: string): number | undefined {
  const tokens = pointer.split('/')
  const index = Number(tokens.at(-1))
  let found: number | undefined
  findFault(text, NO_LIMITS, undefined, (offset, depth, element, here) => {
    // Most values are ruled out before their pointer is put together.
    if (depth !== tokens.length - 1 || (element !== undefined && depth > 0 && element !== index)) return false
    if (here() === pointer) found = offset
    return found !== undefined
  })
  return found
}

const NO_LIMITS = { nesting: Infinity, members: Infinity, containers: Infinity }
