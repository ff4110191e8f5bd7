/**
 * How a ProgramDesc wrote a program beyond what it means: kept on the parts of a program that was read from one, so that writing it again
 * gives equal bytes. Nothing else depends on these notes, and program JSON does not carry them. Fields that are not known here at all are
 * something else: they stand in the member `x_unknown_fields`, which every form of a program keeps.
 */
import { InvalidArgumentError } from '../errors.ts'

/** Optional fields of framework.proto that may stand in a file although they hold their default. */
export type ExplicitField =
  | 'persistable'
  | 'need_check_feed'
  | 'is_parameter'
  | 'stop_gradient'
  | 'lod_level'
  | 'is_target'
  | 'forward_block_idx'
  | 'version'
  | 'op_version_map'

export interface WireNotes {
  readonly explicit: readonly ExplicitField[]
  /** Of an operator: its attributes in the order of the file, a name as often as it stands there. */
  readonly attrs?: readonly string[]
  /** Of a block: the variables stand in the order of the file, not of their names. */
  readonly ordered?: true
  /** Of a variable: descriptions left over from before its type changed, by field number of VarType; they mean nothing. */
  readonly stale?: ReadonlyMap<number, Uint8Array>
}

/** The member that keeps fields without a meaning here: by path within the message ("" is the message itself), base64 of the bytes. */
export const UNKNOWN_FIELDS = 'x_unknown_fields'

/** Collects unknown fields of one part of a program. */
export class UnknownFields {
  #found: Map<string, Uint8Array[]> | undefined

  add(path: string, bytes: Uint8Array): void {
    this.#found ??= new Map()
    const list = this.#found.get(path)
    if (list === undefined) this.#found.set(path, [bytes])
    else list.push(bytes)
  }

  /** The member for the program's JSON form; none if nothing was found. */
  member(): { [UNKNOWN_FIELDS]?: Record<string, string> } {
    if (this.#found === undefined) return {}
    const members = [...this.#found].map(([path, parts]) => [path, toBase64(parts)] as const)
    return { [UNKNOWN_FIELDS]: Object.fromEntries(members) }
  }
}

/**
 * The bytes to write back at `path`.
 * @throws InvalidArgumentError E506 if the member was changed to something that holds none.
 */
export function unknownFieldsAt(
  extra: Readonly<Record<string, unknown>> | undefined,
  path: () => string,
): Uint8Array | undefined {
  const member = extra?.[UNKNOWN_FIELDS]
  if (member === undefined) return undefined
  if (typeof member !== 'object' || member === null) throw badMember(member)
  const at = path()
  if (!Object.hasOwn(member, at)) return undefined
  const text = (member as Record<string, unknown>)[at]
  if (typeof text !== 'string') throw badMember(text)
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  } catch {
    throw badMember(text)
  }
}

const badMember = (got: unknown): InvalidArgumentError =>
  new InvalidArgumentError('E506', `${UNKNOWN_FIELDS} must be base64 texts by path, got ${JSON.stringify(got)}`, {
    expected: '{ PATH: base64, … }',
    got,
  })

function toBase64(parts: readonly Uint8Array[]): string {
  let text = ''
  for (const part of parts) for (const byte of part) text += String.fromCharCode(byte)
  return btoa(text)
}
