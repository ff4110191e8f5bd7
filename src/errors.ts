/**
 * The typed errors of oarlock. Every error a user can cause is an {@link EnforceError}: it carries Paddle's category, a catalogue code
 * (see `error_catalogue.ts`) and, as plain fields, the place, what was wanted, what was got and what to do about it.
 * Categories follow Paddle's paddle/phi/core/enforce and platform/error_codes.proto.
 */

/** Paddle's error classes without the suffix "Error". `EnforceNotMet` is Paddle's unclassified error. */
export type ErrorCategory =
  | 'InvalidArgument'
  | 'NotFound'
  | 'OutOfRange'
  | 'AlreadyExists'
  | 'ResourceExhausted'
  | 'PreconditionNotMet'
  | 'PermissionDenied'
  | 'ExecutionTimeout'
  | 'Unimplemented'
  | 'Unavailable'
  | 'Fatal'
  | 'External'
  | 'EnforceNotMet'

/** Where in a program or file an error lies. All members are optional; `op` is the operator's index in its block. */
export interface ErrorPlace {
  readonly file?: string
  /** 1-based. */
  readonly line?: number
  /** 1-based. */
  readonly column?: number
  /** Byte in a binary file, from 0. */
  readonly offset?: number
  /** JSON pointer into the file (RFC 6901). */
  readonly pointer?: string
  readonly block?: number
  readonly op?: number
  readonly opType?: string
  readonly slot?: string
  readonly variable?: string
  /** The operator as the printer writes it. */
  readonly text?: string
  /** The caller's line, `file:line:column`, where the operator was appended. */
  readonly site?: string
}

/** A member that is undefined is as good as left out. */
export interface ErrorDetails {
  readonly where?: ErrorPlace
  readonly expected?: unknown
  readonly got?: unknown
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/** What `toJSON` gives and `--json` prints. */
export interface ErrorJson {
  readonly category: ErrorCategory
  readonly code: string
  readonly message: string
  readonly where?: ErrorPlace
  readonly expected?: unknown
  readonly got?: unknown
  readonly hint?: string
}

/** Base of all typed errors. `message` is the whole text for a person: sentence, place, hint. */
export class EnforceError extends Error {
  readonly category: ErrorCategory
  readonly code: string
  /** The sentence alone, without place and hint. */
  readonly summary: string
  readonly where?: ErrorPlace
  readonly expected?: unknown
  readonly got?: unknown
  readonly hint?: string

  constructor(category: ErrorCategory, code: string, summary: string, details: ErrorDetails = {}) {
    super(composeMessage(summary, details), details.cause === undefined ? undefined : { cause: details.cause })
    this.name = category === 'EnforceNotMet' ? 'EnforceNotMet' : `${category}Error`
    this.category = category
    this.code = code
    this.summary = summary
    if (details.where !== undefined) this.where = details.where
    if (details.expected !== undefined) this.expected = details.expected
    if (details.got !== undefined) this.got = details.got
    if (details.hint !== undefined) this.hint = details.hint
  }

  /** The same error with `place` added; members that are already known stay. */
  at(place: ErrorPlace): EnforceError {
    return this.with({ where: { ...place, ...this.where } })
  }

  /** The same error with these details in place of its own. */
  with(changes: Pick<ErrorDetails, 'where' | 'hint'>): EnforceError {
    const details: ErrorDetails = {
      expected: this.expected,
      got: this.got,
      ...(this.where === undefined ? {} : { where: this.where }),
      hint: this.hint,
      ...(this.cause === undefined ? {} : { cause: this.cause }),
      ...changes,
    }
    const moved = makeError(this.category, this.code, this.summary, details)
    if (this.stack !== undefined) moved.stack = `${moved.name}: ${moved.message}\n${stackFrames(this.stack)}`
    return moved
  }

  toJSON(): ErrorJson {
    return {
      category: this.category,
      code: this.code,
      message: this.summary,
      ...(this.where === undefined ? {} : { where: this.where }),
      ...(this.expected === undefined ? {} : { expected: this.expected }),
      ...(this.got === undefined ? {} : { got: this.got }),
      ...(this.hint === undefined ? {} : { hint: this.hint }),
    }
  }
}

export class InvalidArgumentError extends EnforceError {
  constructor(code: string, summary: string, details?: ErrorDetails) {
    super('InvalidArgument', code, summary, details)
  }
}
export class NotFoundError extends EnforceError {
  constructor(code: string, summary: string, details?: ErrorDetails) {
    super('NotFound', code, summary, details)
  }
}
export class OutOfRangeError extends EnforceError {
  constructor(code: string, summary: string, details?: ErrorDetails) {
    super('OutOfRange', code, summary, details)
  }
}
export class AlreadyExistsError extends EnforceError {
  constructor(code: string, summary: string, details?: ErrorDetails) {
    super('AlreadyExists', code, summary, details)
  }
}
export class ResourceExhaustedError extends EnforceError {
  constructor(code: string, summary: string, details?: ErrorDetails) {
    super('ResourceExhausted', code, summary, details)
  }
}
export class PreconditionNotMetError extends EnforceError {
  constructor(code: string, summary: string, details?: ErrorDetails) {
    super('PreconditionNotMet', code, summary, details)
  }
}
export class UnimplementedError extends EnforceError {
  constructor(code: string, summary: string, details?: ErrorDetails) {
    super('Unimplemented', code, summary, details)
  }
}

const CLASSES: Partial<
  Record<ErrorCategory, new (code: string, summary: string, details?: ErrorDetails) => EnforceError>
> = {
  InvalidArgument: InvalidArgumentError,
  NotFound: NotFoundError,
  OutOfRange: OutOfRangeError,
  AlreadyExists: AlreadyExistsError,
  ResourceExhausted: ResourceExhaustedError,
  PreconditionNotMet: PreconditionNotMetError,
  Unimplemented: UnimplementedError,
}

/** An error of the class that belongs to `category`. */
export function makeError(
  category: ErrorCategory,
  code: string,
  summary: string,
  details: ErrorDetails = {},
): EnforceError {
  const Class = CLASSES[category]
  return Class === undefined ? new EnforceError(category, code, summary, details) : new Class(code, summary, details)
}

/** Runs `body`; an EnforceError leaving it gets `place` added. */
export function withPlace<T>(place: () => ErrorPlace, body: () => T): T {
  try {
    return body()
  } catch (error) {
    if (error instanceof EnforceError) throw error.at(place())
    throw error
  }
}

/** An impossible state: a defect of oarlock itself, never of its input. */
export function assert(condition: unknown, sentence: string): asserts condition {
  if (!condition) throw new Error(`oarlock has a defect: ${sentence}`)
}

/**
 * Up to `count` of `names` closest to `wanted` by edit distance, nearest first; names more than a third of the letters away are left out.
 * Linear in the total length of `names`.
 */
export function nearestNames(wanted: string, names: Iterable<string>, count = 3): string[] {
  const limit = Math.max(1, Math.ceil(wanted.length / 3))
  const found: { name: string; distance: number }[] = []
  for (const name of names) {
    if (Math.abs(name.length - wanted.length) > limit) continue
    const distance = editDistance(wanted.toLowerCase(), name.toLowerCase(), limit)
    if (distance <= limit) found.push({ name, distance })
  }
  return found
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, count)
    .map((entry) => entry.name)
}

/** `did you mean "a" or "b"?`, or undefined when nothing is near. */
export function suggest(wanted: string, names: Iterable<string>): string | undefined {
  const near = nearestNames(wanted, names)
  return near.length === 0 ? undefined : `did you mean ${near.map((name) => `"${name}"`).join(' or ')}?`
}

function editDistance(a: string, b: string, limit: number): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    let best = i
    for (let j = 1; j <= b.length; j++) {
      const cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
      next.push(cost)
      if (cost < best) best = cost
    }
    if (best > limit) return best
    row = next
  }
  return row[b.length]!
}

/** `block 0, operator 3: text`, the second line of an error. */
export function formatPlace(where: ErrorPlace): string {
  const parts: string[] = []
  if (where.file !== undefined) {
    parts.push(where.file + (where.line === undefined ? '' : `:${where.line}:${where.column ?? 1}`))
  } else if (where.line !== undefined) {
    parts.push(`line ${where.line}, column ${where.column ?? 1}`)
  }
  if (where.offset !== undefined) parts.push(`byte ${where.offset}`)
  if (where.block !== undefined) {
    parts.push(`block ${where.block}` + (where.op === undefined ? '' : `, operator ${where.op}`))
  }
  if (where.text === undefined && where.opType !== undefined) parts.push(where.opType)
  if (where.pointer !== undefined && where.pointer !== '') parts.push(`at ${where.pointer}`)
  const place = parts.join(', ')
  return where.text === undefined ? place : place === '' ? where.text : `${place}: ${where.text}`
}

function composeMessage(summary: string, details: ErrorDetails): string {
  let text = summary
  if (details.where !== undefined) {
    const place = formatPlace(details.where)
    if (place !== '') text += `\n  in ${place}`
    if (details.where.site !== undefined) text += `\n  appended at ${details.where.site}`
  }
  if (details.hint !== undefined) text += `\n  hint: ${details.hint}`
  return text
}

function stackFrames(stack: string): string {
  const start = stack.search(/^\s+at /m)
  return start < 0 ? '' : stack.slice(start)
}
