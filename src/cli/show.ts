/** `oarlock show`: a program, one block, one operator, the variables or one of them, as text or as data. */
import { NotFoundError, suggest } from '../errors.ts'
import type { Block } from '../framework/block.ts'
import { roleLetter } from '../framework/op_role.ts'
import { formatOperatorDetail, formatProgram, formatVariableDetail, formatVariables } from '../framework/printer.ts'
import type { Program } from '../framework/program.ts'
import { indexVariables, usesOf, type VariableUse } from '../framework/variable_index.ts'
import { addOption, asChoice, type CommandDefinition } from './command.ts'
import { formatValue } from './fetches.ts'
import { type LoadedProgram, programEntry } from './load_program.ts'
import { isValues, type LoadedValues, loadAny } from './load_values.ts'
import { type Output, visible } from './output.ts'
import { valueRow, valuesHead, valueTable } from './value_table.ts'

type RoleLetter = 'F' | 'B' | 'O' | 'L'

interface ShowFlags {
  readonly role?: RoleLetter
}

/** What of a program is shown. */
type What =
  | { readonly kind: 'program' }
  | { readonly kind: 'vars' }
  | { readonly kind: 'block'; readonly block: Block }
  | { readonly kind: 'op'; readonly block: Block; readonly index: number }
  | { readonly kind: 'var'; readonly name: string }

export const show: CommandDefinition<ShowFlags> = {
  usage: 'FILE [WHAT]',
  examples: [
    ['oarlock show mlp.json', 'all blocks, an operator a line'],
    ["oarlock show mlp.json '#18'", 'operator 18 of block 0 with slots and attributes; b1#3 is of block 1'],
    ['oarlock show mlp.json fc_0.w_0', 'a variable, who writes it and who reads it; vars lists all'],
    ['oarlock show inference.pdiparams', 'values in a file: names, types, shapes, ranges; a name shows one'],
  ],
  exits: { 2: 'wrong use, or the program has no such operator, block or variable' },
  notes: 'WHAT is vars, #OP, bBLOCK#OP, a block number or the name of a variable.',
  define(command) {
    command.argument('<FILE>').argument('[WHAT]')
    addOption(
      command,
      '--role LETTER',
      'only operators of this role: F, B, O or L',
      asChoice<RoleLetter>('F', 'B', 'O', 'L'),
    )
  },
  async run({ args, options }, { io, out }) {
    const loaded = await loadAny(io, args[0]!)
    if (isValues(loaded)) {
      showValues(loaded, args[1], out)
      return 0
    }
    const what = parseWhat(loaded.program, args[1])
    if (out.json)
      out.document({
        ok: true,
        command: 'show',
        program: programEntry(loaded),
        ...asData(loaded.program, what, options),
      })
    else out.data(asTextOf(loaded, what, options, out))
    return 0
  },
}

/** The table of all values, or one of them whole. */
function showValues(loaded: LoadedValues, name: string | undefined, out: Output): void {
  const { found } = loaded
  const entry = { ...programEntry(loaded), format: found.format, namedBy: loaded.namedBy ?? null }
  if (name !== undefined) {
    const value = found.values.get(name)
    if (value === undefined) {
      throw notThere(`the file has no value "${name}"`, name, suggest(name, [...found.values.keys()]))
    }
    if (out.json) out.document({ ok: true, command: 'show', values: entry, value: value.toJSON() })
    else out.data(`${out.style('bold', visible(name))}  ${formatValue(value, false)}`)
    return
  }
  const rows = [...found.values].map(([each, value]) => valueRow(each, value))
  if (out.json) out.document({ ok: true, command: 'show', values: { ...entry, tensors: rows } })
  else out.data([valuesHead(loaded, rows, out), '', ...valueTable(rows)].join('\n'))
}

function parseWhat(program: Program, text: string | undefined): What {
  if (text === undefined) return { kind: 'program' }
  if (text === 'vars') return { kind: 'vars' }
  const isVariable = program.blocks.some((block) => block.vars.has(text))
  const op = isVariable ? null : /^(?:b(\d+))?#(\d+)$/.exec(text)
  if (op !== null) {
    const block = blockAt(program, Number(op[1] ?? 0))
    const index = Number(op[2])
    if (index < block.ops.length) return { kind: 'op', block, index }
    throw notThere(`block ${block.idx} has ${block.ops.length} operators, no #${index}`, text)
  }
  if (!isVariable && /^\d+$/.test(text)) return { kind: 'block', block: blockAt(program, Number(text)) }
  if (isVariable) return { kind: 'var', name: text }
  const names = new Set(program.blocks.flatMap((block) => [...block.vars.keys()]))
  throw notThere(`the program has no variable "${text}"`, text, suggest(text, [...names, 'vars']))
}

function blockAt(program: Program, idx: number): Block {
  const block = program.blocks[idx]
  if (block !== undefined) return block
  throw notThere(`the program has ${program.blocks.length} blocks, no block ${idx}`, String(idx))
}

const notThere = (summary: string, got: string, hint?: string): NotFoundError =>
  new NotFoundError('E705', summary, { got, hint })

function asTextOf(loaded: LoadedProgram, what: What, { role }: ShowFlags, out: Output): string {
  const { program, file } = loaded
  const format = { ascii: out.ascii, ...(out.width === undefined ? {} : { width: out.width }) }
  if (what.kind === 'vars') return formatVariables(program, format)
  if (what.kind === 'var') return formatVariableDetail(program, what.name, format)
  if (what.kind === 'op') return formatOperatorDetail(what.block, what.index, format)
  const options = { ...format, file, ...(role === undefined ? {} : { role }) }
  if (what.kind === 'block') return colored(formatProgram(program, { ...options, block: what.block.idx }), out)
  const { sha256 } = programEntry(loaded)
  const [head, ...lines] = formatProgram(program, options).split('\n')
  if (out.io.stderr.isTTY) out.talk(hints(program, file, out))
  return colored([`${head}   sha ${sha256.slice(0, 6)}`, ...lines].join('\n'), out)
}

/** What else can be asked, on a terminal. */
function hints(program: Program, file: string, out: Output): string {
  const inPlace = out.ascii ? '@' : '⟲'
  const last = program.globalBlock().ops.length - 1
  return out.talkStyle(
    'dim',
    `${inPlace} written in place.   Only backward: --role B   One op: show ${file} '#${Math.max(0, last)}'   Vars: show ${file} vars`,
  )
}

const COLORS = { F: 'blue', B: 'yellow', O: 'green', L: 'magenta' } as const

/** The letters of the roles in their colours. */
function colored(text: string, out: Output): string {
  if (!out.hasColor) return text
  return text.replace(
    /^( +\d+ {2})([FBOL])(?= )/gm,
    (_, start: string, letter: RoleLetter) => start + out.style(COLORS[letter], letter),
  )
}

function asData(program: Program, what: What, { role }: ShowFlags): object {
  const json = program.toJSON()
  if (what.kind === 'op') return { op: opData(json, what.block, what.index) }
  if (what.kind === 'var' || what.kind === 'vars') {
    const uses = indexVariables(program)
    const vars = program.blocks.flatMap((block) =>
      [...block.vars.values()]
        .filter(({ name }) => what.kind === 'vars' || name === what.name)
        .map((variable) => {
          const { writers, readers } = usesOf(uses, variable)
          const entry = json.blocks[block.idx]!.vars?.find(({ name }) => name === variable.name)
          const { type, dtype, shape } = variable
          return {
            block: block.idx,
            type,
            dtype,
            shape,
            ...entry,
            writers: writers.map(useData),
            readers: readers.map(useData),
          }
        }),
    )
    return { vars }
  }
  const blocks = program.blocks
    .filter((block) => what.kind === 'program' || block === what.block)
    .map((block) => {
      const { ops: _, vars, ...rest } = json.blocks[block.idx]!
      const ops = block.ops
        .map((_op, i) => opData(json, block, i))
        .filter((op) => role === undefined || op.role === role)
      return { ...rest, vars: vars ?? [], ops }
    })
  return { blocks }
}

const opData = (json: ReturnType<Program['toJSON']>, block: Block, index: number) => ({
  block: block.idx,
  index,
  role: roleLetter(block.ops[index]!.role),
  ...json.blocks[block.idx]!.ops[index]!,
})

const useData = ({ block, index, op, slot }: VariableUse): object => ({
  block: block.idx,
  op: index,
  type: op.type,
  slot,
})
