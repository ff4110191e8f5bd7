/**
 * Canonical text of a program file: one variable or operator on a line, members in the order of program-json.md, slots and attributes by
 * name, defaults left out. Equal programs give equal text, and a change of one operator is a change of one line.
 */
import { isWrittenAsRead, toJsonText } from './json_text.ts'
import type { ProgramJson } from './program_json.ts'
import { blockSchema, isExtraMember, type ObjectSchema, opSchema, programSchema, varSchema } from './program_schema.ts'

/** The canonical text, ending with a newline. Linear in the size of the program, which must be a valid one. */
export function stringifyProgramJson(json: ProgramJson): string {
  const lines = [`{${membersText(json, programSchema, ['format', 'format_version'])},`, '"blocks":[']
  json.blocks.forEach((block, i) => {
    lines.push(`{${membersText(block, blockSchema, ['idx', 'parent_idx', 'forward_block_idx'])},`)
    if (block.vars !== undefined && block.vars.length > 0) pushList(lines, 'vars', block.vars, varSchema, '],')
    pushList(lines, 'ops', block.ops, opSchema, `]${extrasText(block)}}${i + 1 < json.blocks.length ? ',' : ''}`)
  })
  const tail = membersText(json, programSchema, ['version', 'op_versions', 'random_seed'])
  lines.push(`]${tail === '' ? '' : ','}`, `${tail}${extrasText(json)}}`, '')
  return lines.join('\n')
}

function pushList(lines: string[], name: string, items: readonly object[], schema: ObjectSchema, close: string): void {
  lines.push(`"${name}":[`)
  const last = items.length - 1
  items.forEach((item, i) => {
    lines.push(`{${membersText(item, schema)}${extrasText(item)}}${i < last ? ',' : ''}`)
  })
  lines.push(close)
}

function membersText(object: object, schema: ObjectSchema, names = Object.keys(schema)): string {
  let text = ''
  for (const name of names) {
    const value = (object as Record<string, unknown>)[name]
    if (value === undefined || value === schema[name]!.default) continue
    if (typeof value !== 'object' || value === null) text += `${text === '' ? '' : ','}"${name}":${toJsonText(value)}`
    else if (Array.isArray(value)) {
      if (value.length > 0) text += `${text === '' ? '' : ','}"${name}":${toJsonText(value)}`
    } else {
      const map = mapText(value as Record<string, unknown>)
      if (map !== '{}') text += `${text === '' ? '' : ','}"${name}":${map}`
    }
  }
  return text
}

/** An object used as a map: by name. JSON.stringify does it alone, several times as fast, where the names are in order. */
function mapText(map: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(map)
  if (isSorted(names) && isWrittenAsRead(map)) return JSON.stringify(map)
  const members: string[] = []
  for (const name of names.sort()) {
    if (map[name] !== undefined) members.push(`${JSON.stringify(name)}:${toJsonText(map[name])}`)
  }
  return `{${members.join(',')}}`
}

function isSorted(names: readonly string[]): boolean {
  for (let i = 1; i < names.length; i++) if (names[i]! < names[i - 1]!) return false
  return true
}

/** The `$…` and `x_…` members, each with a comma before it. */
function extrasText(object: object): string {
  let text = ''
  for (const name of Object.keys(object)) {
    if (isExtraMember(name)) {
      const value = (object as Record<string, unknown>)[name]
      if (value !== undefined) text += `,${JSON.stringify(name)}:${toJsonText(value)}`
    }
  }
  return text
}
