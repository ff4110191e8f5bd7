/** `oarlock ops`: the operator reference, from the definitions themselves. */
import { NotFoundError, suggest } from '../errors.ts'
import type { Attr } from '../framework/attr_value.ts'
import type { AnyOpDef, Slots } from '../framework/op_def.ts'
import { formatAttr } from '../framework/print_text.ts'
import { ops as library } from '../ops/index.ts'
import { ALL } from '../tensor/dtype.ts'
import type { CommandDefinition } from './command.ts'
import { globPattern } from './fetches.ts'
import type { Output } from './output.ts'

const TABLE: Readonly<Record<string, AnyOpDef>> = library

export const ops: CommandDefinition = {
  usage: '[NAME]',
  examples: [
    ['oarlock ops', 'all operators'],
    ["oarlock ops 'elementwise_*'", 'those that fit'],
    ['oarlock ops softmax', 'slots, attributes, element types, gradient, source'],
  ],
  exits: { 2: 'wrong use, or there is no such operator' },
  define(command) {
    command.argument('[NAME]')
  },
  async run({ args }, { out }) {
    const [name] = args
    if (name === undefined || /[*?]/.test(name)) {
      const fits = name === undefined ? undefined : globPattern(name)
      const types = Object.keys(TABLE)
        .filter((type) => fits === undefined || fits.test(type))
        .sort()
      if (types.length === 0) throw unknownOperator(name!)
      if (out.json) out.document({ ok: true, command: 'ops', ops: types.map((type) => describe(type, TABLE[type]!)) })
      else out.data(list(types, out))
      return 0
    }
    const def = Object.hasOwn(TABLE, name) ? TABLE[name] : undefined
    if (def === undefined) throw unknownOperator(name)
    if (out.json) out.document({ ok: true, command: 'ops', op: describe(name, def) })
    else out.data(page(name, def, out))
    return 0
  },
}

function unknownOperator(name: string): NotFoundError {
  const hint = suggest(name, Object.keys(TABLE))
  return new NotFoundError('E705', `there is no operator "${name}"`, {
    got: name,
    hint: hint ?? 'oarlock ops lists the operators',
  })
}

function list(types: readonly string[], out: Output): string {
  const widest = Math.max(...types.map((type) => type.length))
  const room = out.width === undefined ? Infinity : Math.max(20, out.width - widest - 2)
  return types
    .map((type) => {
      const [sentence = ''] = TABLE[type]!.doc.split(/(?<=\.) /)
      const short = sentence.length <= room ? sentence : `${sentence.slice(0, room - 3)}...`
      return `${out.style('bold', type.padEnd(widest))}  ${short}`
    })
    .join('\n')
}

/** The gradient in words: which operator, where one of the usual name exists. */
function gradientOf(type: string, { grad }: AnyOpDef): string {
  if (grad === 'none') return 'none: gradients end here'
  if (grad === 'unregistered') return 'not registered: asking for one is an error'
  return Object.hasOwn(TABLE, `${type}_grad`) ? `${type}_grad` : 'by other operators'
}

function describe(type: string, def: AnyOpDef): object {
  const slots = (of: Slots): object =>
    Object.fromEntries(
      Object.entries(of).map(([name, { arity, doc, dtypes }]) => [name, { arity, doc, dtypes: dtypes ?? null }]),
    )
  return {
    type,
    doc: def.doc,
    source: def.source,
    differs: def.differs ?? null,
    inputs: slots(def.inputs),
    outputs: slots(def.outputs),
    attrs: Object.fromEntries(
      (Object.entries(def.attrs) as [string, Attr][]).map(
        ([name, { type: kind, required, default: value, doc, extra, meaning }]) => [
          name,
          { type: kind, required, default: value ?? null, doc, extra, meaning: meaning ?? null },
        ],
      ),
    ),
    gradient: gradientOf(type, def),
    inplace: def.inplace ?? {},
    effects: def.effects ?? null,
    kernels: Object.keys(def.kernels),
  }
}

function page(type: string, def: AnyOpDef, out: Output): string {
  const lines = [`${out.style('bold', type)}   ${def.doc}`, '']
  const table = (title: string, rows: readonly (readonly string[])[]): void => {
    const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]!.length)))
    rows.forEach(([name, kind, rest], i) => {
      lines.push(
        `  ${(i === 0 ? title : '').padEnd(9)}  ${name!.padEnd(widths[0]!)}  ${kind!.padEnd(widths[1]!)}  ${rest}`.trimEnd(),
      )
    })
  }
  const slotRows = (slots: Slots): string[][] =>
    Object.entries(slots).map(([name, { arity, doc, dtypes }]) => [name, arity, `${dtypesText(dtypes)}${doc}`])
  if (Object.keys(def.inputs).length > 0) table('inputs', slotRows(def.inputs))
  if (Object.keys(def.outputs).length > 0) table('outputs', slotRows(def.outputs))
  const attrs = Object.entries(def.attrs) as [string, Attr][]
  if (attrs.length > 0) {
    table(
      'attrs',
      attrs.map(([name, { type: kind, required, default: value, doc, extra, meaning }]) => [
        name,
        meaning === 'dtype' ? 'dtype' : kind,
        [required ? 'must be given' : `default ${formatAttr(value, kind)}`, extra ? '(extra)' : '', doc]
          .filter(Boolean)
          .join('  '),
      ]),
    )
  }
  const inplace = Object.entries(def.inplace ?? {}).map(([to, from]) => `${to} in place of ${from}`)
  if (inplace.length > 0) lines.push(`  in place   ${inplace.join(', ')}`)
  lines.push(`  gradient   ${gradientOf(type, def)}`)
  if (def.effects !== undefined) lines.push(`  effects    ${def.effects}`)
  lines.push(`  source     ${def.source}`)
  if (def.differs !== undefined) lines.push(`  differs    ${def.differs}`)
  return lines.join('\n')
}

function dtypesText(dtypes: readonly string[] | undefined): string {
  if (dtypes === undefined) return ''
  return dtypes.length === ALL.length ? 'any type  ' : `${dtypes.join(', ')}  `
}
