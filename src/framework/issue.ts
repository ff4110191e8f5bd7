/**
 * Findings about a program as plain data, each with the operator that it is about.
 */
import { EnforceError, type ErrorCategory, type ErrorDetails, type ErrorPlace } from '../errors.ts'
import type { Block } from './block.ts'
import { formatOperator } from './op_text.ts'
import type { Operator } from './operator.ts'
import { resolveVar } from './variable_index.ts'

/** One finding; plain data, JSON-able. */
export interface Issue {
  readonly severity: 'error' | 'warning'
  readonly code: string
  readonly category: ErrorCategory
  /** The sentence alone; the place is in `where`. */
  readonly message: string
  readonly where: ErrorPlace
  readonly expected?: unknown
  readonly got?: unknown
  readonly hint?: string
}

/** Adds findings about one operator, with its place. */
export class Reporter {
  readonly #issues: Issue[]
  readonly #block: Block
  readonly #op: Operator
  readonly #index: number

  constructor(issues: Issue[], block: Block, op: Operator, index: number) {
    this.#issues = issues
    this.#block = block
    this.#op = op
    this.#index = index
  }

  error(code: string, category: ErrorCategory, message: string, details: ErrorDetails): void {
    this.#add('error', code, category, message, details)
  }

  warning(code: string, message: string, details: ErrorDetails): void {
    this.#add('warning', code, 'InvalidArgument', message, details)
  }

  /** What a check threw; anything but an EnforceError is a defect of the operator's definition and goes on. */
  caught(error: unknown): void {
    if (!(error instanceof EnforceError)) throw error
    this.#add('error', error.code, error.category, error.summary, error)
  }

  #add(
    severity: Issue['severity'],
    code: string,
    category: ErrorCategory,
    message: string,
    details: ErrorDetails,
  ): void {
    const op = this.#op
    const site = op.callSite?.text
    const place: ErrorPlace = {
      block: this.#block.idx,
      op: this.#index,
      opType: op.type,
      ...(site === undefined ? {} : { site }),
      text: formatOperator(op, this.#block.program.library, (name) => resolveVar(this.#block, name)),
    }
    this.#issues.push({
      severity,
      code,
      category,
      message,
      where: { ...place, ...details.where },
      ...(details.expected === undefined ? {} : { expected: plain(details.expected) }),
      ...(details.got === undefined ? {} : { got: plain(details.got) }),
      ...(details.hint === undefined ? {} : { hint: details.hint }),
    })
  }
}

/** What JSON can hold: errors may carry bigints and numbers that are not finite. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))) return String(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
  }
  return value
}

export function shortText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(plain(value)) ?? String(value))
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}
