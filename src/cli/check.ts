/** `oarlock check`: what is wrong with a program, or with the programs of a folder, each fault with its place in the file. */
import { EnforceError, type ErrorPlace } from '../errors.ts'
import { fileKind } from '../framework/file_kind.ts'
import type { Issue } from '../framework/issue.ts'
import { parseJsonText, pointerToken } from '../framework/json_text.ts'
import { LIMITS } from '../framework/limits.ts'
import { counted } from '../framework/print_text.ts'
import { Program } from '../framework/program.ts'
import { isAttrPointer, programJsonIssues } from '../framework/program_json.ts'
import { isRunnable, operatorSupport } from '../framework/support.ts'
import { verify } from '../framework/verify.ts'
import { ops } from '../ops/index.ts'
import { checkBeside, issueOf } from './check_beside.ts'
import { addOption, asChoice, type CommandDefinition } from './command.ts'
import { readInput } from './files.ts'
import type { Io } from './io.ts'
import { programFiles, sha256 } from './load_program.ts'
import { type LoadedValues, valuesOf } from './load_values.ts'
import { type errorJson, type Output, visible } from './output.ts'
import { unsupportedReport } from './support_report.ts'

interface CheckFlags {
  readonly format?: 'text' | 'gcc' | 'json'
  readonly strict?: boolean
  readonly all?: boolean
}

/** Findings printed before the rest is counted. */
const SHOWN = 100

interface CheckedFile {
  readonly file: string
  readonly sha256: string
  readonly ops: number
  readonly blocks: number
  readonly issues: readonly Issue[]
  /** Of a program that could be read. */
  readonly program?: Program
  /** Of a file of values. */
  readonly tensors?: number
  /** The table of operators, where some cannot run. */
  readonly report?: (out: Output) => string
}

export const check: CommandDefinition<CheckFlags> = {
  usage: 'FILE [options]',
  examples: [
    ['oarlock check mlp.json', 'names, slots, attributes, shapes, element types, blocks'],
    ['oarlock check trained/ --strict', 'all programs of a folder; warnings count as errors'],
    ['oarlock check mlp.json --format gcc', 'file:line:column, for editors'],
  ],
  exits: { 1: 'errors were found, or with --strict warnings' },
  define(command) {
    command.argument('<FILE>')
    addOption(command, '--format NAME', 'text, gcc or json', asChoice('text', 'gcc', 'json'))
    command.option('--strict', 'warnings count as errors')
    command.option('--all', `print more than ${SHOWN} findings`)
  },
  async run({ args, options }, { io, out }) {
    const { main, startup, test } = programFiles(io, args[0]!)
    const loaded = main === '-' ? undefined : await valuesOf(io, args[0]!)
    if (loaded !== undefined) {
      checkValues(loaded, out)
      return 0
    }
    // Files beside a file are not what was asked for; those of a folder are.
    const files = main === args[0] ? [main] : [main, startup, test].filter((file) => file !== undefined)
    const checked: CheckedFile[] = []
    for (const file of files) checked.push(await checkFile(io, file))
    const values = main === args[0] ? undefined : checkBeside(io, checked[0]!.program, programFiles(io, args[0]!))
    if (values !== undefined) checked.push(values)
    const issues = checked.flatMap((file) => file.issues)
    const errors = issues.filter(({ severity }) => severity === 'error').length
    const found = errors > 0 || (options.strict === true && issues.length > 0)
    if (options.format !== 'gcc') for (const { report } of checked) if (report !== undefined) out.talk(report(out))
    if (out.json) writeDocument(checked, issues, found, out)
    else if (options.format === 'gcc') for (const issue of issues) out.data(gccLine(issue))
    else writeText(checked, issues, errors, options.all === true, out)
    return found ? 1 : 0
  },
}

/**
 * Faults of the schema are findings like those of `verify`; a file that is no program at all is an error.
 * @throws what reading a file throws; E501 to E505, E527 to E529.
 */
async function checkFile(io: Io, file: string): Promise<CheckedFile> {
  const bytes = await readInput(io, file, LIMITS.programBytes)
  const entry = { file, sha256: sha256(bytes) }
  let program: Program
  try {
    program = Program.from(bytes, { library: ops, file })
  } catch (error) {
    if (!(error instanceof EnforceError) || error.where?.pointer === undefined || !/^E50[678]|^E2/.test(error.code))
      throw error
    if (fileKind(bytes) === 'program-desc') return { ...entry, ops: 0, blocks: 0, issues: [issueOf(error)] }
    const { value, locate } = parseJsonText(bytes, { file, bigIntegerAt: isAttrPointer })
    const schema = programJsonIssues(value).map((issue): Issue => {
      const { code, message, pointer, expected, got, hint } = issue
      return {
        severity: 'error',
        code,
        category: code.startsWith('E6') ? 'ResourceExhausted' : 'InvalidArgument',
        message,
        where: { file, ...locate(pointer), pointer },
        expected,
        got,
        ...(hint === undefined ? {} : { hint }),
      }
    })
    return { ...entry, ops: 0, blocks: 0, issues: schema.length > 0 ? schema : [issueOf(error)] }
  }
  const issues = verify(program)
  const count = program.blocks.reduce((sum, block) => sum + block.ops.length, 0)
  const report = isRunnable(operatorSupport(program))
    ? {}
    : { report: (out: Output) => unsupportedReport(program, out)! }
  return {
    ...entry,
    program,
    ops: count,
    blocks: program.blocks.length,
    issues: locateAll(issues, bytes, file),
    ...report,
  }
}

/** Values that could be read are sound; with the program beside them they also fit it. */
function checkValues({ file, found, namedBy, bytes }: LoadedValues, out: Output): void {
  const count = found.values.size
  if (out.json) {
    const values = { file, sha256: sha256(bytes), format: found.format, count, namedBy: namedBy ?? null }
    out.document({ ok: true, command: 'check', values, issues: [] })
  } else {
    const fits = namedBy === undefined ? '' : `, all of ${visible(namedBy)}`
    out.data(`${visible(file)}: no errors in ${counted(count, 'tensor')}${fits}`)
  }
}

/** Finding a place walks the text, so only what is printed gets one. */
function locateAll(issues: readonly Issue[], bytes: Uint8Array, file: string): Issue[] {
  if (issues.length === 0) return []
  if (fileKind(bytes) === 'program-desc') return issues.map((issue) => ({ ...issue, where: { file, ...issue.where } }))
  const { locate } = parseJsonText(bytes)
  return issues.map((issue, i) => {
    const pointer = pointerOf(issue.where)
    const position = i < SHOWN ? (locate(`${pointer.op}${pointer.slot}`) ?? locate(pointer.op)) : undefined
    return { ...issue, where: { file, ...position, ...issue.where } }
  })
}

function pointerOf({ block, op, slot }: ErrorPlace): { op: string; slot: string } {
  if (block === undefined || op === undefined) return { op: '', slot: '' }
  return { op: `/blocks/${block}/ops/${op}`, slot: slot === undefined ? '' : `/inputs${pointerToken(slot)}` }
}

function writeDocument(checked: readonly CheckedFile[], issues: readonly Issue[], found: boolean, out: Output): void {
  const first = issues.find(({ severity }) => severity === 'error') ?? issues[0]
  const error = found && first !== undefined ? { error: withNulls(first) } : {}
  const files = checked.map(({ file, sha256: hash }) => ({ file, sha256: hash }))
  out.document({ ok: !found, command: 'check', ...error, files, issues })
}

const withNulls = ({ category, code, message, where, expected, got, hint }: Issue): ReturnType<typeof errorJson> => ({
  category,
  code,
  message,
  where,
  expected: expected ?? null,
  got: got ?? null,
  hint: hint ?? null,
})

function gccLine({ severity, code, message, where }: Issue): string {
  const { file = '-', line = 1, column = 1 } = where
  return `${visible(file)}:${line}:${column}: ${severity} ${code}: ${visible(message).replaceAll('\n', ' ')}`
}

function writeText(
  checked: readonly CheckedFile[],
  issues: readonly Issue[],
  errors: number,
  all: boolean,
  out: Output,
): void {
  const shown = all ? issues : issues.slice(0, SHOWN)
  for (const issue of shown) out.data(issueText(issue, out))
  if (shown.length < issues.length) out.data(`… and ${issues.length - shown.length} more: --all prints them`)
  if (issues.length === 0) {
    for (const { file, ops: count, blocks, tensors } of checked) {
      if (tensors !== undefined) {
        out.data(`${visible(file)}: no errors in ${counted(tensors, 'tensor')}, all that the program has`)
        continue
      }
      out.data(`${visible(file)}: no errors, no warnings in ${counted(count, 'op')} of ${counted(blocks, 'block')}`)
    }
    return
  }
  out.data(
    `${counted(errors, 'error')}, ${counted(issues.length - errors, 'warning')}.   More: oarlock explain ${issues[0]!.code}`,
  )
}

function issueText({ severity, code, message, where, hint }: Issue, out: Output): string {
  const { file = '-', line, column, block, op, opType, text } = where
  const at = line === undefined ? visible(file) : `${visible(file)}:${line}:${column}`
  const place =
    block === undefined
      ? ''
      : op === undefined
        ? `   block ${block}`
        : `   block ${block}, op #${op} ${visible(opType ?? '')}`
  const lines = [`${out.style(severity === 'error' ? 'red' : 'yellow', severity)} ${code} at ${at}${place}`]
  for (const part of visible(message).split('\n')) lines.push(`  ${part}`)
  if (text !== undefined) lines.push(`  in ${visible(text)}`)
  if (hint !== undefined) lines.push(`  hint: ${visible(hint)}`)
  return lines.join('\n')
}
