/** Which variables `--fetch` means, and how fetched values are printed. */
import { NotFoundError, suggest } from '../errors.ts'
import { OpRole } from '../framework/op_role.ts'
import type { Program } from '../framework/program.ts'
import { isTensorKind } from '../framework/variable.ts'
import { isFloating } from '../tensor/dtype.ts'
import { formatTensor } from '../tensor/format.ts'
import { SelectedRows, Tensor, type TensorArray, type Value } from '../tensor/tensor.ts'

/**
 * The variables of a list of names and globs (`*`, `?`), in the order given; those of a glob in the order of the program.
 * @throws NotFoundError E120 for a glob that nothing fits. A name that is not there is left to the run.
 */
export function resolveFetches(program: Program, patterns: readonly string[]): string[] {
  const found = new Set<string>()
  const { vars } = program.globalBlock()
  for (const pattern of patterns) {
    if (vars.has(pattern) || !/[*?]/.test(pattern)) {
      found.add(pattern)
      continue
    }
    const fits = globPattern(pattern)
    const names = fetchable(program).filter((name) => fits.test(name))
    if (names.length === 0) {
      const hint = suggest(pattern.replace(/[*?]/g, ''), vars.keys())
      throw new NotFoundError('E120', `no variable fits "${pattern}"`, {
        where: { variable: pattern },
        got: pattern,
        hint,
      })
    }
    for (const name of names) found.add(name)
  }
  return [...found]
}

/** `*` for any characters, `?` for one. */
export function globPattern(glob: string): RegExp {
  const parts = glob
    .split(/([*?])/)
    .map((part) => (part === '*' ? '.*' : part === '?' ? '.' : part.replace(/[\\^$+.()|{}[\]]/g, '\\$&')))
  return new RegExp(`^${parts.join('')}$`, 's')
}

/** Variables of block 0 that have a value after a run. */
function fetchable(program: Program): string[] {
  const block = program.globalBlock()
  const written = new Set(block.ops.flatMap((op) => op.outputNames()))
  return [...block.vars.values()]
    .filter(
      ({ type, name, persistable, needCheckFeed }) =>
        isTensorKind(type) && (persistable || needCheckFeed || written.has(name)),
    )
    .map(({ name }) => name)
}

/**
 * What is fetched when nobody says: the variables of `fetch` operators; else the loss; else what the forward operators make and nothing
 * reads.
 */
export function defaultFetches(program: Program): string[] {
  const block = program.globalBlock()
  const tensor = (name: string): boolean => block.vars.get(name)?.type === 'LOD_TENSOR'
  const holders = block.ops.filter((op) => op.outputNames().some((name) => block.vars.get(name)?.type === 'FETCH_LIST'))
  if (holders.length > 0) return [...new Set(holders.flatMap((op) => op.inputNames()))].filter(tensor)
  const loss = block.ops.filter((op) => (op.role & (OpRole.Loss | OpRole.Backward | OpRole.Optimize)) === OpRole.Loss)
  if (loss.length > 0) return [...new Set(loss.flatMap((op) => op.outputNames()))].filter(tensor)
  const read = new Set(block.ops.flatMap((op) => op.inputNames()))
  const last = block.ops.filter((op) => op.role === OpRole.Forward).at(-1)
  return (last?.outputNames() ?? []).filter(
    (name) => !read.has(name) && tensor(name) && block.vars.get(name)?.persistable === false,
  )
}

/** The number in a value of one floating-point element. */
export function scalarOf(value: Value | undefined): number | undefined {
  return value instanceof Tensor && value.size === 1 && isFloating(value.dtype) ? Number(value.at(0)) : undefined
}

export function formatValue(value: Value, full: boolean): string {
  const options = full ? { limit: Infinity } : {}
  if (value instanceof Tensor) return formatTensor(value, { ...options, health: value.size > 36 && !full })
  if (value instanceof SelectedRows) {
    const rows = full || value.rows.length <= 8 ? value.rows.join(', ') : `${value.rows.slice(0, 8).join(', ')}, …`
    return `selected rows [${rows}] of ${value.height}\n${formatTensor(value.value, options)}`
  }
  return formatArray(value, options)
}

const formatArray = ({ items }: TensorArray, options: { limit?: number }): string =>
  [`tensor array of ${items.length}`, ...items.map((item) => formatTensor(item, options))].join('\n')
