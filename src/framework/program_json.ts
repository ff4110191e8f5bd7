/**
 * The program file, format version 1 (program-json.md): its types, its validation and reading it from text. The schema is in
 * `program_schema.ts`, the search for faults in `program_issues.ts`, writing in `program_text.ts`. What a program means (operators known, variables declared, blocks reached, attributes
 * that fit their operator) is for `verify`. A value that passed may be walked by recursion, and none of its maps has a member `__proto__`.
 */
import { EnforceError, InvalidArgumentError, ResourceExhaustedError } from '../errors.ts'
import type { DType } from '../tensor/dtype.ts'
import { type AttrType, PARSERS } from './attr_value.ts'
import { type JsonTextOptions, parseJsonText } from './json_text.ts'
import type { Limits } from './limits.ts'
import { programJsonIssues } from './program_issues.ts'
import { isObject, MAX_ISSUES, type ScalarKind, scalarProblem } from './program_schema.ts'
import type { VarType } from './variable.ts'

export type { SelectedRowsJson, TensorArrayJson, TensorJson, ValueJson } from '../tensor/tensor_json.ts'
export type { AttrType } from './attr_value.ts'
export { type ProgramIssue, programJsonIssues } from './program_issues.ts'
export { stringifyProgramJson } from './program_text.ts'

/** Members that begin with `$` or `x_` are kept unread. */
export interface ExtraMembers {
  readonly [extra: `$${string}` | `x_${string}`]: unknown
}

export interface ProgramJson extends ExtraMembers {
  readonly format: 'oarlock-program'
  readonly format_version: 1
  readonly blocks: readonly BlockJson[]
  readonly version?: number
  readonly op_versions?: Readonly<Record<string, number>>
  readonly random_seed?: number
}

export interface BlockJson extends ExtraMembers {
  readonly idx: number
  readonly parent_idx: number
  readonly forward_block_idx?: number
  readonly vars?: readonly VarJson[]
  readonly ops: readonly OpJson[]
}

export interface VarJson extends ExtraMembers {
  readonly name: string
  readonly type?: VarType
  readonly dtype?: DType
  readonly shape?: readonly number[]
  readonly lod_level?: number
  readonly persistable?: boolean
  readonly need_check_feed?: boolean
  readonly is_parameter?: boolean
  readonly stop_gradient?: boolean
}

export interface OpJson extends ExtraMembers {
  readonly type: string
  readonly inputs?: SlotsJson
  readonly outputs?: SlotsJson
  readonly attrs?: Readonly<Record<string, AttrJson>>
  readonly attr_types?: Readonly<Record<string, AttrType>>
  readonly is_target?: boolean
}

/** Slot name to variable names. */
export type SlotsJson = Readonly<Record<string, readonly string[]>>

type Plain = number | string | boolean
/** NaN and infinities are strings, integers beyond 2^53 strings of digits. */
export type AttrJson = Plain | readonly (Plain | ScalarJson)[] | ScalarJson | ScalarsJson
export interface ScalarJson {
  readonly scalar: ScalarKind
  readonly value: Plain | readonly (number | string)[]
}
export interface ScalarsJson {
  readonly scalar: ScalarKind
  readonly values: readonly ScalarJson['value'][]
}

export interface ProgramJsonOptions {
  readonly limits?: Partial<Limits>
}

/**
 * `value` itself, once nothing is wrong with it.
 * @throws InvalidArgumentError E504 to E508 or ResourceExhaustedError E602, E603: the first of {@link programJsonIssues}.
 */
export function validateProgramJson(value: unknown, options: ProgramJsonOptions = {}): ProgramJson {
  const [first, ...others] = programJsonIssues(value, options)
  if (first === undefined) return value as ProgramJson
  const { code, pointer, expected, got, hint } = first
  const [, block, list, index] = /^\/blocks\/(\d+)(?:\/(ops|vars)\/(\d+))?/.exec(pointer) ?? []
  const count = `${others.length}${others.length >= MAX_ISSUES - 1 ? ' or more' : ''}`
  const more = others.length === 0 ? '' : ` (and ${count} other ${others.length === 1 ? 'fault' : 'faults'})`
  const ErrorClass = code.startsWith('E6') ? ResourceExhaustedError : InvalidArgumentError
  throw new ErrorClass(code, first.message + more, {
    where: {
      pointer,
      ...(block === undefined ? {} : { block: Number(block) }),
      ...(list === 'ops' ? { op: Number(index) } : {}),
    },
    expected,
    got,
    hint,
  })
}

/** Whether a JSON pointer leads into an attribute: the only place of a program file where an integer may be beyond 2^53. */
export const isAttrPointer = (pointer: string): boolean => /^\/blocks\/\d+\/ops\/\d+\/attrs\//.test(pointer)

/**
 * The program in a JSON text.
 * @throws what {@link parseJsonText} and {@link validateProgramJson} throw, with file, line and column.
 */
export function readProgramJson(source: string | Uint8Array, options: JsonTextOptions = {}): ProgramJson {
  const { value, locate } = parseJsonText(source, { ...options, bigIntegerAt: isAttrPointer })
  try {
    return validateProgramJson(value, options)
  } catch (error) {
    if (!(error instanceof EnforceError)) throw error
    throw error.at({
      ...(options.file === undefined ? {} : { file: options.file }),
      ...locate(error.where?.pointer ?? ''),
    })
  }
}

/** What `value` should be to serve as an attribute of this type, as a short noun phrase; null when it does. */
export function attrValueProblem(type: AttrType, value: unknown): string | null {
  if (type === 'SCALAR') {
    return fitsScalar(value) ? null : 'a scalar: { "scalar": kind, "value": … }, a number, true or false'
  }
  if (type === 'SCALARS') {
    const fits = Array.isArray(value)
      ? value.every(fitsScalar)
      : isObject(value) && scalarProblem(value, 'values') === null
    return fits ? null : 'scalars: { "scalar": kind, "values": [ … ] } or a list of scalars'
  }
  const parsed = PARSERS[type](value)
  return 'wanted' in parsed ? parsed.wanted : null
}

const fitsScalar = (value: unknown): boolean =>
  isObject(value) ? scalarProblem(value, 'value') === null : typeof value === 'boolean' || Number.isFinite(value)
