/**
 * Writes `src/ir/signature_table.ts`: slots and attributes of all standard operators, from their definitions. Part of `npm run generate`.
 *
 * A line is `types|inputs|outputs|attributes`, for operators that differ in nothing but their names; with `|inputs|outputs` behind it for
 * their gradient operators, `<type>_grad`, and a seventh part where these have other attributes. There `+` stands for all inputs, `=` for
 * all outputs of the operator itself, and `-` for the gradients of all inputs. Slots have a mark for how many variables
 * they take (`?` none or one, `*` any number) and `!` where a clone for tests leaves them out; `'` stands for `@GRAD`. Attributes begin with
 * a letter for their type; `=` and the default follow, unless it is zero or empty, and `!` where they must be given. What is "extra" of them is in `framework/extra_attrs.ts`.
 */
import { isDeepStrictEqual } from 'node:util'
import { extraAttrs } from '../src/framework/extra_attrs.ts'
import { type AnyOpDef, GRAD_SUFFIX, type Slots } from '../src/framework/op_def.ts'
import { ATTR_TYPES } from '../src/framework/program_schema.ts'
import {
  ARITY_MARKS,
  ATTR_LETTERS,
  DROPPED_MARK,
  DTYPE_LETTER,
  GRAD_MARK,
  gradsOf,
  readGradSlots,
} from '../src/ir/signatures.ts'
import { ops } from '../src/ops/index.ts'
import { shortestFloat32 } from '../src/tensor/float32.ts'

const library: Readonly<Record<string, AnyOpDef>> = ops

function slotsText(slots: Slots, dropInTest: readonly string[] = []): string {
  return Object.entries(slots)
    .map(([name, { arity }]) => {
      const short = name.replaceAll(GRAD_SUFFIX, GRAD_MARK)
      const mark = Object.keys(ARITY_MARKS).find((key) => ARITY_MARKS[key] === arity)!
      return short + mark + (dropInTest.includes(name) ? DROPPED_MARK : '')
    })
    .join(' ')
}

function attrsText({ type, attrs }: AnyOpDef): string {
  const extra = extraAttrs(type)
  return Object.entries(attrs)
    .map(([name, declared]) => {
      if (declared.extra !== extra.has(name)) throw new Error(`${type}: ${name} is extra in one place only`)
      const letter = declared.meaning === 'dtype' ? DTYPE_LETTER : ATTR_LETTERS[ATTR_TYPES.indexOf(declared.type)]!
      if (declared.required) return `${letter}${name}!`
      const value = valueText(declared.type, declared.default)
      return letter + name + (value === '' ? '' : `=${value}`)
    })
    .join(' ')
}

function valueText(attrType: string, value: unknown): string {
  if (value === 0 || value === false || (Array.isArray(value) && value.length === 0)) return ''
  if (value === true) return '1'
  const short = attrType === 'FLOAT' ? shortestFloat32(value as number) : value
  const listed = attrType === 'FLOATS' ? (value as readonly number[]).map(shortestFloat32) : short
  const text = typeof value === 'string' ? value : JSON.stringify(listed)
  if (/[\s|`\\]|\$\{/.test(text)) throw new Error(`the default ${text} does not fit the table`)
  return text
}

/** Slots of a gradient operator, told by those of its operator. */
function gradSlots(grad: AnyOpDef, inputs: string, outputs: string): [string, string] {
  const read = ` ${slotsText(grad.inputs)} `
  const short = read.replace(` ${inputs} `, ' + ').replace(` ${outputs} `, ' = ')
  const written = slotsText(grad.outputs)
  const told = readGradSlots(short.trim(), inputs, outputs) === read.trim() ? short.trim() : read.trim()
  return [told, written === gradsOf(inputs) ? '-' : written]
}

/** The table's lines. Those with equal outputs stand together, which packs best. */
function lines(): string[] {
  const types = new Map<string, string[]>()
  for (const type of Object.keys(library).sort()) {
    const forward = library[type.replace(/_grad$/, '')]
    if (type.endsWith('_grad') && forward !== undefined) continue
    const def = library[type]!
    const grad = library[`${type}_grad`]
    const parts = [slotsText(def.inputs, def.dropInTest), slotsText(def.outputs, def.dropInTest), attrsText(def)]
    if (grad !== undefined) {
      parts.push(...gradSlots(grad, parts[0]!, parts[1]!))
      if (!isDeepStrictEqual(attrsText(grad), attrsText(def))) parts.push(attrsText(grad))
    }
    const line = parts.join('|')
    types.set(line, [...(types.get(line) ?? []), type])
  }
  const outputsFirst = ([line]: [string, unknown]): string => {
    const [inputs, outputs] = line.split('|')
    return `${outputs}|${inputs}`
  }
  return [...types]
    .sort((a, b) => (outputsFirst(a) < outputsFirst(b) ? -1 : outputsFirst(a) > outputsFirst(b) ? 1 : 0))
    .map(([line, names]) => `${names.join(' ')}|${line}`)
}

/** The generated file, by path from the project's root. */
export function signatureFiles(): Record<string, string> {
  const text = `/**
 * Slots and attributes of the standard operators, a line for each signature. Made by \`npm run generate\` (tools/make_signatures.ts, which
 * describes the lines); not edited by hand.
 */
export const SIGNATURES = \`
${lines().join('\n')}
\`
`
  return { 'src/ir/signature_table.ts': text }
}
