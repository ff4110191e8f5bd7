/**
 * What is wrong with a value as a program file: the faults of the schema, and what a schema cannot say (positions and parents of blocks,
 * names that repeat, limits). Blocks, variables and operators are taken one by one, so that a huge bad file costs no more than its first
 * hundred faults.
 */
import { nearestNames, suggest } from '../errors.ts'
import { pointerToken } from './json_scan.ts'
import { type Limits, withLimits } from './limits.ts'
import type { OpJson, ProgramJsonOptions } from './program_json.ts'
import {
  blockSchema,
  checkMembers,
  isExtraMember,
  isObject,
  MAX_ISSUES,
  type ObjectSchema,
  opSchema,
  PROGRAM_FORMAT,
  PROGRAM_FORMAT_VERSION,
  programSchema,
  varSchema,
} from './program_schema.ts'

/** One fault of a program file. */
export interface ProgramIssue {
  readonly code: 'E504' | 'E505' | 'E506' | 'E507' | 'E508' | 'E602' | 'E603'
  /** Of the member that is wrong; for a member that is missing, of the object that lacks it. */
  readonly pointer: string
  readonly message: string
  readonly expected?: string
  /** The value itself if it is short, else what it is. */
  readonly got?: unknown
  readonly hint?: string
}

/** All that is wrong with `value` as a program file, in the order of the file; at most 100 faults. */
export function programJsonIssues(value: unknown, options: ProgramJsonOptions = {}): ProgramIssue[] {
  const found = new Findings(withLimits(options.limits))
  if (checkFormat(value, found)) checkProgram(value, found)
  return found.issues
}

type Json = Readonly<Record<string, unknown>>

/** Collects issues up to the cap. */
class Findings {
  readonly issues: ProgramIssue[] = []
  readonly limits: Limits

  constructor(limits: Limits) {
    this.limits = limits
  }

  get full(): boolean {
    return this.issues.length >= MAX_ISSUES
  }

  add(
    code: ProgramIssue['code'],
    pointer: string,
    message: string,
    expected: string,
    got: unknown,
    hint?: string,
  ): void {
    if (this.full) return
    this.issues.push({ code, pointer, message, expected, got: brief(got), ...(hint === undefined ? {} : { hint }) })
  }

  /** False, with an issue, when `count` is beyond the limit. */
  within(limit: keyof Limits, count: number, pointer: string, what: string): boolean {
    const most = this.limits[limit]
    if (count <= most) return true
    this.add(
      'E603',
      pointer,
      `${what}: at most ${most}, got ${count}`,
      `at most ${most}`,
      count,
      `raise the limit \`${limit}\``,
    )
    return false
  }
}

function checkFormat(value: unknown, found: Findings): value is Json {
  if (!isObject(value) || value['format'] !== PROGRAM_FORMAT) {
    const got = isObject(value) ? value['format'] : value
    const given = isObject(value) && Object.hasOwn(value, 'format')
    const message = isObject(value)
      ? `format must be "${PROGRAM_FORMAT}", got ${describe(got)}`
      : `a program file must be an object, got ${describe(got)}`
    found.add('E504', given ? '/format' : '', message, `"${PROGRAM_FORMAT}"`, got, formatHint(value))
    return false
  }
  const version = value['format_version']
  if (version !== PROGRAM_FORMAT_VERSION) {
    const given = Object.hasOwn(value, 'format_version')
    const message = `format_version must be ${PROGRAM_FORMAT_VERSION}, got ${describe(version)}`
    const newer = typeof version === 'number' && version > PROGRAM_FORMAT_VERSION
    const hint = newer ? 'the file was written by a newer oarlock' : undefined
    found.add('E505', given ? '/format_version' : '', message, `${PROGRAM_FORMAT_VERSION}`, version, hint)
    return false
  }
  return true
}

function formatHint(value: unknown): string | undefined {
  if (!isObject(value)) return undefined
  if (Object.hasOwn(value, 'base_code')) return 'this is a program of Paddle 3 (PIR), which is another format'
  if (Object.hasOwn(value, 'dtype') && Object.hasOwn(value, 'shape')) return 'this is a tensor, not a program'
  const near = nearestNames('format', Object.keys(value), 1)
  return near.length > 0 && near[0] !== 'format' ? `did you mean "format" by "${near[0]}"?` : undefined
}

function checkProgram(program: Json, found: Findings): void {
  checkObject(programSchema, 'the program', program, () => '', 1, found)
  const { blocks } = program
  if (!Array.isArray(blocks)) return
  if (blocks.length === 0) {
    found.add('E507', '/blocks', 'a program must have at least one block, got none', 'at least one block', blocks)
  }
  if (!found.within('blocks', blocks.length, '/blocks', 'blocks')) return
  const nesting: number[] = []
  let ops = 0
  let vars = 0
  for (let b = 0; b < blocks.length && !found.full; b++) {
    const pointer = `/blocks/${b}`
    const block: unknown = blocks[b]
    checkObject(blockSchema, 'a block', block, () => pointer, 3, found)
    if (!isObject(block)) continue
    checkBlockIndexes(block, b, blocks.length, nesting, pointer, found)
    if (Array.isArray(block['vars'])) {
      vars += block['vars'].length
      if (!found.within('vars', vars, `${pointer}/vars`, 'variables of the program')) return
      checkVars(block['vars'], `${pointer}/vars`, found)
    }
    if (Array.isArray(block['ops'])) {
      ops += block['ops'].length
      if (!found.within('ops', ops, `${pointer}/ops`, 'operators of the program')) return
      for (let i = 0; i < block['ops'].length && !found.full; i++) {
        const op: unknown = block['ops'][i]
        if (checkObject(opSchema, 'an operator', op, () => `${pointer}/ops/${i}`, 5, found)) {
          checkOpLimits(op as OpJson, pointer, i, found)
        }
      }
    }
  }
}

function checkBlockIndexes(
  block: Json,
  b: number,
  count: number,
  nesting: number[],
  pointer: string,
  found: Findings,
): void {
  const { idx, parent_idx: parent, forward_block_idx: forward } = block
  if (Number.isInteger(idx) && idx !== b) {
    found.add('E507', `${pointer}/idx`, `idx of a block must be its position, ${b}, got ${idx}`, `${b}`, idx)
  }
  if (Number.isInteger(parent)) {
    const valid = b === 0 ? parent === -1 : (parent as number) >= 0 && (parent as number) < b
    const expected = b === 0 ? '-1' : b === 1 ? '0' : `a block before it, 0 to ${b - 1}`
    if (!valid) {
      found.add(
        'E507',
        `${pointer}/parent_idx`,
        `parent_idx of block ${b} must be ${expected}, got ${parent}`,
        expected,
        parent,
      )
    }
    nesting[b] = valid && b > 0 ? nesting[parent as number]! + 1 : 1
    found.within('blockNesting', nesting[b]!, `${pointer}/parent_idx`, 'blocks nested in each other')
  } else nesting[b] = 1
  if (Number.isInteger(forward) && (forward as number) >= count) {
    const expected = `-1 to ${count - 1}`
    const at = `${pointer}/forward_block_idx`
    found.add('E507', at, `forward_block_idx must be ${expected}, got ${forward}`, expected, forward)
  }
}

function checkVars(vars: readonly unknown[], pointer: string, found: Findings): void {
  const first = new Map<string, number>()
  for (let i = 0; i < vars.length && !found.full; i++) {
    const variable = vars[i]
    checkObject(varSchema, 'a variable', variable, () => `${pointer}/${i}`, 5, found)
    if (!isObject(variable) || typeof variable['name'] !== 'string') continue
    const name = variable['name']
    const { nameLength } = found.limits
    if (name.length > nameLength)
      found.within('nameLength', name.length, `${pointer}/${i}/name`, 'characters of a name')
    const earlier = first.get(name)
    if (earlier === undefined) first.set(name, i)
    else {
      const message = `variable ${describe(name)} is declared twice in one block, first at ${pointer}/${earlier}`
      found.add('E508', `${pointer}/${i}/name`, message, 'names that differ', name)
    }
  }
}

/** Lists that hold a tensor's values: fp32_values and the like of assign_value. */
const VALUE_LIST = /^(\w+_)?values$/

/** Lengths in one operator. A pointer is put together only for a fault: 100,000 operators pass here one by one. */
function checkOpLimits(op: OpJson, blockPointer: string, index: number, found: Findings): void {
  const { nameLength, namesPerSlot, stringAttr } = found.limits
  const refuse = (limit: keyof Limits, count: number, what: string, ...path: (string | number)[]) =>
    found.within(limit, count, `${blockPointer}/ops/${index}${path.map(pointerToken).join('')}`, what)
  if (op.type.length > nameLength) refuse('nameLength', op.type.length, 'characters of a name', 'type')
  for (const side of SIDES) {
    const slots = op[side]
    if (slots === undefined) continue
    for (const slot of Object.keys(slots)) {
      const names = slots[slot]!
      if (slot.length > nameLength) refuse('nameLength', slot.length, 'characters of a name', side, slot)
      if (names.length > namesPerSlot) refuse('namesPerSlot', names.length, 'names in a slot', side, slot)
      for (let i = 0; i < names.length; i++) {
        const { length } = names[i]!
        if (length > nameLength && !found.full) refuse('nameLength', length, 'characters of a name', side, slot, i)
      }
    }
  }
  if (op.attrs === undefined) return
  for (const name of Object.keys(op.attrs)) {
    if (name.length > nameLength) refuse('nameLength', name.length, 'characters of a name', 'attrs', name)
    const value: unknown = op.attrs[name]
    if (typeof value === 'string') {
      if (value.length > stringAttr) refuse('stringAttr', value.length, 'characters of an attribute', 'attrs', name)
    } else if (typeof value === 'object') {
      const list = Array.isArray(value) ? value : (value as Json)['values']
      if (!Array.isArray(list)) continue
      const limit = VALUE_LIST.test(name) ? 'valueList' : 'attrList'
      if (list.length > found.limits[limit]) refuse(limit, list.length, 'elements of an attribute', 'attrs', name)
      for (let i = 0; i < list.length; i++) {
        const { length } = list[i] as ArrayLike<unknown>
        if (length > stringAttr && !found.full)
          refuse('stringAttr', length, 'characters of an attribute', 'attrs', name, i)
      }
    }
  }
}

const SIDES = ['inputs', 'outputs'] as const

/**
 * True when `value` fits; else adds what is wrong. `pointer` is asked for faults only: most of 100,000 operators have none. `depth` is the
 * nesting level of `value` in the file.
 */
function checkObject(
  schema: ObjectSchema,
  what: string,
  value: unknown,
  pointer: () => string,
  depth: number,
  found: Findings,
): boolean {
  const before = found.issues.length
  checkMembers(schema, value, (path, expected, inner, choices) => {
    const { holder, got, missing } = lookUp(value, path)
    if (missing) {
      const name = String(path.at(-1))
      const message = `${subject(path.slice(0, holder), what)} must have a member "${name}"`
      const [near] = nearestNames(name, Object.keys(got as object), 1)
      const hint = near === undefined ? undefined : `did you mean "${name}" by "${near}"?`
      const at = pointer() + path.slice(0, holder).map(pointerToken).join('')
      found.add('E506', at, message, `a member "${name}"`, undefined, hint)
    } else {
      const message = `${subject(path, what)} must be ${expected}, got ${describe(inner)}`
      const hint = choices !== undefined && typeof inner === 'string' ? suggest(inner, choices) : undefined
      found.add('E506', pointer() + path.map(pointerToken).join(''), message, expected, inner, hint)
    }
    return !found.full
  })
  if (isObject(value)) {
    for (const key of Object.keys(value)) {
      if (found.full) break
      if (!Object.hasOwn(schema, key)) checkUnknownMember(schema, what, value, key, pointer, depth, found)
    }
  }
  return found.issues.length === before && !found.full
}

function checkUnknownMember(
  schema: ObjectSchema,
  what: string,
  value: Json,
  key: string,
  pointer: () => string,
  depth: number,
  found: Findings,
): void {
  if (isExtraMember(key)) {
    checkExtra(value[key], pointer() + pointerToken(key), depth, found)
    return
  }
  const message = `${what} has no member ${describe(key)}`
  const known = Object.keys(schema)
  const expected = `one of ${known.join(', ')}, $…, x_…`
  found.add('E506', pointer() + pointerToken(key), message, expected, key, suggest(key, known))
}

const subject = (path: readonly (string | number)[], what: string): string =>
  path.length === 0 ? what : `${brief(path.join('.'))} of ${what}`

/** What lies at `path` in `value`; where a member is missing, the object that lacks it and how deep it is. */
function lookUp(
  value: unknown,
  path: readonly (string | number)[],
): { holder: number; got: unknown; missing: boolean } {
  let got = value
  for (let i = 0; i < path.length; i++) {
    if (!Array.isArray(got) && !Object.hasOwn(got as object, path[i]!)) return { holder: i, got, missing: true }
    got = (got as Record<string | number, unknown>)[path[i]!]
  }
  return { holder: path.length, got, missing: false }
}

/** A member that is kept unread: its nesting must be bounded all the same, also when objects in code contain themselves. */
function checkExtra(value: unknown, pointer: string, depth: number, found: Findings): void {
  const { nesting, programBytes } = found.limits
  const open: { of: Json; keys: readonly string[] | undefined; size: number; next: number }[] = []
  let current = value
  // Text of n values has at least n characters; more of them are an object that holds the same parts many times over.
  for (let seen = 1; ; seen++) {
    if (seen > programBytes) {
      found.within('programBytes', seen, pointer, 'values in a member that is kept')
      return
    }
    if (typeof current === 'object' && current !== null) {
      if (depth + open.length >= nesting) {
        const at = open.map(({ keys, next }) => pointerToken(keys?.[next - 1] ?? next - 1)).join('')
        const message = `nesting deeper than the limit of ${nesting} levels`
        const level = `level ${depth + open.length + 1}`
        found.add('E602', pointer + at, message, `at most ${nesting} levels`, level)
        return
      }
      const keys = Array.isArray(current) ? undefined : Object.keys(current)
      open.push({ of: current as Json, keys, size: keys?.length ?? (current as unknown[]).length, next: 0 })
    }
    while (open.length > 0 && open.at(-1)!.next === open.at(-1)!.size) open.pop()
    const top = open.at(-1)
    if (top === undefined) return
    current = top.of[top.keys?.[top.next] ?? top.next]
    top.next++
  }
}

/** For fields of errors: the value if it is short, else what it is. */
function brief(value: unknown): unknown {
  if (typeof value === 'string') return value.length > 80 ? `${value.slice(0, 77)}...` : value
  return typeof value === 'object' && value !== null ? describe(value) : value
}

/** For the text of errors. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 1 ? 'a list of 1' : `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'string' ? JSON.stringify(brief(value)) : String(value)
}
