/**
 * JSON text in and out. Reading is JSON.parse behind one linear pass that accepts exactly RFC 8259 and refuses besides what JSON.parse lets
 * through: too much text, nesting that would overflow later walks, duplicate member names, and integers whose digits a number cannot hold.
 * Nothing here recurses over what it reads. What the text means is for others (`program_json.ts`, `tensor_json.ts`).
 *
 * JSON.parse loses the last digits of an integer beyond 2^53. Where one may stand it is read from the text as a bigint; elsewhere it is refused.
 */
import { InvalidArgumentError, ResourceExhaustedError } from '../errors.ts'
import { FILE_KINDS, type FileKind, fileKind, isUtf8 } from './file_kind.ts'
import { type BigInteger, findFault, findPointer } from './json_scan.ts'
import { type Limits, withLimits } from './limits.ts'

export { pointerToken } from './json_scan.ts'

/** Both 1-based; a column is one UTF-16 unit, a byte-order mark has none. */
export interface TextPosition {
  readonly line: number
  readonly column: number
}

export interface JsonTextOptions {
  readonly limits?: Partial<Limits>
  /** Named in errors. */
  readonly file?: string
  /** Behind which pointers an integer beyond 2^53 is read exactly, as a bigint. Default: none. */
  readonly bigIntegerAt?: (pointer: string) => boolean
}

export interface ParsedJson {
  readonly value: unknown
  /** Where the value behind a JSON pointer (RFC 6901) begins, undefined if there is none. Walks the text, so it is for errors. */
  locate(pointer: string): TextPosition | undefined
}

/**
 * The value of a JSON text, given as a string or as UTF-8 bytes. Member names such as `__proto__` become ordinary own members, as JSON.parse
 * makes them: whoever copies such an object must not assign by key.
 * @throws InvalidArgumentError E501 what is not JSON, E502 a member given twice, E503 a number that would lose digits;
 *   ResourceExhaustedError E601 more text than `limits.programBytes`, E602 nesting beyond `limits.nesting`,
 *   E603 more members of one object than `limits.members`, more arrays and objects than `limits.containers`. All with line, column and pointer.
 */
export function parseJsonText(source: string | Uint8Array, options: JsonTextOptions = {}): ParsedJson {
  const limits = withLimits(options.limits)
  const file = options.file === undefined ? {} : { file: options.file }
  if (source.length > limits.programBytes) {
    throw new ResourceExhaustedError('E601', `program file larger than the limit of ${limits.programBytes} bytes`, {
      where: { ...file, pointer: '' },
      expected: `at most ${limits.programBytes} bytes`,
      got: `${source.length} bytes`,
      hint: 'raise the limit `programBytes`, or keep large values in parameter files',
    })
  }
  const text = typeof source === 'string' ? source.replace(/^\uFEFF/, '') : decodeUtf8(source, file)
  const bigIntegers = options.bigIntegerAt === undefined ? undefined : { allowed: options.bigIntegerAt, found: [] }
  const fault = findFault(text, limits, bigIntegers)
  if (fault !== undefined) {
    const ErrorClass = fault.code.startsWith('E6') ? ResourceExhaustedError : InvalidArgumentError
    const hint = fault.depth === 0 ? (looksLike(text.slice(0, 64)) ?? fault.hint) : fault.hint
    throw new ErrorClass(fault.code, fault.message, {
      where: { ...file, ...positionAt(text, fault.offset), pointer: fault.pointer },
      expected: fault.expected,
      got: fault.got,
      hint,
    })
  }
  return {
    value: bigIntegers === undefined ? JSON.parse(text) : parseExactly(text, bigIntegers.found),
    locate(pointer) {
      const offset = findPointer(text, pointer)
      return offset === undefined ? undefined : positionAt(text, offset)
    },
  }
}

/** JSON.parse, with the integers that it would round as bigints. */
function parseExactly(text: string, integers: readonly BigInteger[]): unknown {
  const value = JSON.parse(text)
  for (const { pointer, start, end } of integers) {
    const tokens = pointer.split('/').slice(1)
    let holder = value
    for (const token of tokens.slice(0, -1)) holder = holder[nameOf(token)]
    holder[nameOf(tokens[tokens.length - 1]!)] = BigInt(text.slice(start, end))
  }
  return value
}

const nameOf = (token: string): string => token.replaceAll('~1', '/').replaceAll('~0', '~')

/**
 * JSON text of a number that {@link parseJsonText} reads back as the same number. JSON.stringify drops the sign of -0 and writes 2^60 as an
 * integer of 19 digits, which the reader refuses. NaN and infinities become the strings of program-json.md.
 */
export function jsonNumber(value: number): string {
  if (Number.isFinite(value)) {
    if (value === 0) return Object.is(value, -0) ? '-0' : '0'
    return Math.abs(value) > TWO_53 ? value.toExponential() : String(value)
  }
  return `"${value}"`
}

/** As JSON.stringify without spaces, with numbers written by {@link jsonNumber}. For plain data of bounded depth: it recurses. */
export function toJsonText(value: unknown): string {
  if (typeof value === 'number') return jsonNumber(value)
  if (typeof value === 'bigint') return `"${value}"`
  if (typeof value !== 'object' || value === null || isWrittenAsRead(value)) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(toJsonText).join(',')}]`
  const members: string[] = []
  for (const [key, member] of Object.entries(value)) {
    if (member !== undefined) members.push(`${JSON.stringify(key)}:${toJsonText(member)}`)
  }
  return `{${members.join(',')}}`
}

/** Whether JSON.stringify gives the same text as {@link toJsonText}: no -0, no bigint, no number beyond 2^53 and none that is not finite. */
export function isWrittenAsRead(value: unknown): boolean {
  if (typeof value === 'number') return Math.abs(value) <= TWO_53 && !Object.is(value, -0)
  if (typeof value !== 'object' || value === null) return typeof value !== 'bigint'
  if (!Array.isArray(value)) {
    for (const key of Object.keys(value)) if (!isWrittenAsRead((value as Record<string, unknown>)[key])) return false
    return true
  }
  for (let i = 0; i < value.length; i++) if (!isWrittenAsRead(value[i])) return false
  return true
}

const TWO_53 = 2 ** 53

/** Of these there is nothing to say beyond the fault itself. */
const UNNAMED_KINDS: readonly FileKind[] = ['json', 'text', 'empty', 'unknown']

/** What the first characters belong to, when it is a file of another kind. Bytes are given as Latin-1, text as it is. */
function looksLike(head: string): string | undefined {
  const kind = fileKind(Uint8Array.from(head, (char) => char.charCodeAt(0)))
  if (kind === 'program-desc') {
    return `this looks like ${FILE_KINDS[kind]}; give its bytes to Program.from, or run \`oarlock convert\``
  }
  if (!UNNAMED_KINDS.includes(kind)) return `this looks like ${FILE_KINDS[kind]}`
  if (/^\xff\xfe|^\xfe\xff|\0/.test(head)) {
    return 'this looks like UTF-16 text or binary data; program files are UTF-8 text'
  }
  return /^\s*<[!?a-z]/i.test(head) ? 'this looks like an HTML or XML page' : undefined
}

function decodeUtf8(bytes: Uint8Array, file: { readonly file?: string }): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    const offset = firstBadByte(bytes)
    const head = String.fromCharCode(...bytes.subarray(0, 64))
    const good = new TextDecoder().decode(bytes.subarray(0, offset))
    const got = offset < bytes.length ? `byte 0x${bytes[offset]!.toString(16).padStart(2, '0')}` : 'the end of the text'
    const hint = looksLike(head)
    throw new InvalidArgumentError(
      'E501',
      offset < bytes.length
        ? `not JSON: byte ${offset} (0x${bytes[offset]!.toString(16).padStart(2, '0')}) is not UTF-8`
        : 'not JSON: the text ends too early',
      {
        where: { ...file, ...positionAt(good, good.length), pointer: '' },
        expected: 'UTF-8 text',
        got,
        hint,
        cause,
      },
    )
  }
}

/** Offset of the first byte that breaks UTF-8; the length if only the end of the last character is missing. */
function firstBadByte(bytes: Uint8Array): number {
  // The longest beginning that decodes, an unfinished character at its end allowed.
  let good = 0
  for (let bad = bytes.length + 1; bad - good > 1; ) {
    const middle = (good + bad) >> 1
    if (isUtf8(bytes.subarray(0, middle), true)) good = middle
    else bad = middle
  }
  if (good < bytes.length) while (!isUtf8(bytes.subarray(0, good), false)) good--
  return good
}

function positionAt(text: string, offset: number): TextPosition {
  let line = 1
  let start = 0
  for (let next = text.indexOf('\n'); next >= 0 && next < offset; next = text.indexOf('\n', start)) {
    line++
    start = next + 1
  }
  return { line, column: offset - start + 1 }
}
