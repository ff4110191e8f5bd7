/**
 * Inference models: a program cut down to what computes the fetched variables from the fed ones, and its parameters. Works on bytes; files
 * are in `node/inference_model_files.ts`.
 * Source: python/paddle/static/io.py, normalize_program and save_inference_model, and Program._remove_training_info (2.6.2).
 */
import { InvalidArgumentError, NotFoundError } from '../errors.ts'
import type { Executor } from '../executor/executor.ts'
import type { Scope } from '../executor/scope.ts'
import type { AttrValue } from '../framework/attr_value.ts'
import type { Block } from '../framework/block.ts'
import { extraAttrs, extraOutputs } from '../framework/extra_attrs.ts'
import { EMPTY_VAR } from '../framework/op_def.ts'
import { Operator, type SlotNames } from '../framework/operator.ts'
import type { Program } from '../framework/program.ts'
import { compareNames } from '../framework/program_desc.ts'
import { inferenceOptimize, prune } from '../framework/prune.ts'
import { Parameter, type Variable } from '../framework/variable.ts'
import type { Value } from '../tensor/tensor.ts'
import { listed } from './bytes.ts'
import { persistableVariables, readCombinedParams, readSeparateParams, writeCombinedParams } from './params.ts'

/** The version that written models carry: that of the Paddle whose format this is. */
const PADDLE_VERSION = 2_006_002

/** One variable or several, or their names. */
export type Variables = Variable | string | readonly (Variable | string)[]

export interface InferenceModelFiles {
  /** The .pdmodel file. */
  readonly model: Uint8Array
  /** The .pdiparams file; undefined for a model without parameters, which has none. */
  readonly params: Uint8Array | undefined
}

export interface InferenceModel {
  readonly program: Program
  /** Names to feed, in the order of the model's inputs. */
  readonly feedNames: readonly string[]
  readonly fetchVars: readonly Variable[]
}

export interface InferenceModelOptions {
  /** Default: the program that the fetched variables belong to. Needed where both are given by name. */
  readonly program?: Program
}

/**
 * The two files of an inference model.
 * @throws InvalidArgumentError E539 for feeds that are not needed or not enough; NotFoundError E207 for a variable that does not exist, E533
 * for parameters without a value in the scope.
 */
export function inferenceModelFiles(
  feedVars: Variables,
  fetchVars: Variables,
  scope: Scope,
  options: InferenceModelOptions = {},
): InferenceModelFiles {
  const program = options.program ?? programOf(fetchVars, feedVars)
  const normalized = normalizeProgram(program, feedVars, fetchVars)
  const hasParams = persistableVariables(normalized).length > 0
  const params = hasParams ? writeCombinedParams(normalized, (name) => scope.get(name)) : undefined
  removeTrainingInfo(normalized)
  return { model: normalized.toProto(), params }
}

const asList = (variables: Variables): readonly (Variable | string)[] =>
  Array.isArray(variables) ? variables : [variables as Variable | string]

const nameOf = (variable: Variable | string): string => (typeof variable === 'string' ? variable : variable.name)

function programOf(...lists: Variables[]): Program {
  for (const variable of lists.flatMap(asList)) if (typeof variable !== 'string') return variable.block.program
  throw new InvalidArgumentError('E539', 'which program is meant? All variables are given by name', {
    hint: 'give the option program',
  })
}

/**
 * A copy of a program that computes `fetchVars` from `feedVars` and nothing else: each fetched variable goes through a `scale` by 1 (except
 * bool), what it does not need is cut off, feed and fetch operators are put around, and operators compute as for a test. Unlike Paddle's
 * function it leaves the given program as it is, so saving twice gives the same names.
 * @throws as {@link inferenceModelFiles}.
 */
export function normalizeProgram(program: Program, feedVars: Variables, fetchVars: Variables): Program {
  const feeds = asList(feedVars).map((variable) => program.globalBlock().var(nameOf(variable)).name)
  const copy = program.clone()
  const block = copy.globalBlock()
  clearDevices(block)
  const fetches = asList(fetchVars).map((variable, i) => appendScale(block, block.var(nameOf(variable)), i))
  for (const op of block.ops) op.isTarget = false
  block.replaceOps(block.ops.filter(({ type }) => type !== 'feed' && type !== 'fetch'))
  const pruned = prune(copy, fetches, feeds)
  const root = pruned.globalBlock()
  checkFeeds(root, feeds, fetches)
  removeReaders(root)
  inferenceOptimize(pruned)
  for (const each of pruned.blocks) {
    each.replaceOps(each.ops.map((op) => (op.type === 'batch_norm' ? without(op, ['ReserveSpace']) : op)))
    sortVariables(each)
  }
  addFeedAndFetch(root, feeds, fetches)
  pruned.version = PADDLE_VERSION
  return pruned
}

/** Stops at the first `auc`, as Paddle does. */
function clearDevices(block: Block): void {
  for (const op of block.ops) {
    block.setAttr(op, 'op_device', '')
    if (op.type === 'auc') return
  }
}

/** Appends `scale` by 1 and returns the name of its output. */
function appendScale(block: Block, variable: Variable, i: number): string {
  if (variable.dtype === 'bool') return variable.name
  const { dtype, shape, lodLevel, type, stopGradient } = variable
  const name = block.program.names.generate(`save_infer_model/scale_${i}.tmp`)
  // Paddle writes these two although they hold their default.
  const wire = { explicit: ['persistable', 'lod_level'] } as const
  block.createVar({ name, dtype, shape, lodLevel, type, stopGradient, wire })
  const attrs = { bias: 0, bias_after_scale: true, scale: 1, ...genericAttrs() }
  const types = { bias: 'FLOAT', bias_after_scale: 'BOOLEAN', scale: 'FLOAT' } as const
  append(block, 'scale', { ScaleTensor: [], X: [variable.name] }, { Out: [name] }, attrs, types)
  return name
}

const genericAttrs = (): Record<string, AttrValue> => ({
  op_device: '',
  op_namescope: '/',
  op_role: 0,
  op_role_var: [],
})

function append(
  block: Block,
  type: string,
  inputs: SlotNames,
  outputs: SlotNames,
  attrs: Record<string, AttrValue>,
  attrTypes: NonNullable<Operator['attrTypes']>,
): void {
  block.insertOperator(block.ops.length, new Operator({ type, inputs, outputs, attrs, attrTypes }))
}

/** Every feed must be used, and nothing may be read that is neither fed, computed nor persistable. */
function checkFeeds(block: Block, feeds: readonly string[], fetches: readonly string[]): void {
  const read = new Set(block.ops.flatMap((op) => op.inputNames()))
  const unused = feeds.filter((name) => !read.has(name) && !fetches.includes(name))
  if (unused.length > 0) {
    throw new InvalidArgumentError(
      'E539',
      `${listed(unused.map((name) => `"${name}"`))}: not needed to compute what is fetched`,
      {
        where: { variable: unused[0]! },
        hint: 'leave it out of feedVars',
      },
    )
  }
  const known = new Set([...feeds, EMPTY_VAR])
  for (const op of block.ops) {
    for (const name of op.inputNames()) {
      const variable = block.vars.get(name)
      if (known.has(name) || variable === undefined || variable.persistable || variable.type !== 'LOD_TENSOR') continue
      throw new InvalidArgumentError('E539', `"${name}" is needed to compute what is fetched, but it is not fed`, {
        where: { variable: name, opType: op.type },
        hint: 'add it to feedVars, or fetch something that does not need it',
      })
    }
    for (const name of op.outputNames()) known.add(name)
  }
}

/** Takes out the operators up to a `read`, and the readers. */
function removeReaders(block: Block): void {
  const read = block.ops.findIndex(({ type }) => type === 'read')
  if (read >= 0) block.replaceOps(block.ops.slice(read + 1))
  for (const variable of [...block.vars.values()]) if (variable.type === 'READER') block.removeVar(variable.name)
}

function without(op: Operator, slots: readonly string[]): Operator {
  if (!slots.some((slot) => Object.hasOwn(op.outputs, slot))) return op
  const outputs = Object.fromEntries(Object.entries(op.outputs).filter(([slot]) => !slots.includes(slot)))
  return new Operator({ ...op.parts(), outputs }, op.id)
}

/** Pruning leaves the variables sorted; the holders of feeds and fetches come behind them. */
function sortVariables(block: Block): void {
  const sorted = [...block.vars.values()].sort((a, b) => compareNames(a.name, b.name))
  for (const { name } of sorted) block.removeVar(name)
  for (const variable of sorted) {
    if (variable instanceof Parameter) block.createParameter({ ...variable }, { ...variable })
    else block.createVar({ ...variable })
  }
  block.wire = { explicit: [], ordered: true }
}

function addFeedAndFetch(block: Block, feeds: readonly string[], fetches: readonly string[]): void {
  const attrs = (col: number) => ({ col, ...genericAttrs(), with_quant_attr: false })
  const types = { col: 'INT' } as const
  for (const name of ['feed', 'fetch']) if (block.hasVar(name)) block.removeVar(name)
  if (feeds.length > 0) {
    block.createVar({ name: 'feed', type: 'FEED_MINIBATCH', persistable: true })
    feeds.forEach((name, col) => {
      const parts = {
        type: 'feed',
        inputs: { X: ['feed'] },
        outputs: { Out: [name] },
        attrs: attrs(col),
        attrTypes: types,
      }
      // Each is put in front of the others, so the last input comes first.
      block.insertOperator(0, new Operator(parts))
    })
  }
  block.createVar({ name: 'fetch', type: 'FETCH_LIST', persistable: true })
  fetches.forEach((name, col) => {
    append(block, 'fetch', { X: [name] }, { Out: ['fetch'] }, attrs(col), types)
  })
}

/**
 * Takes out, in place, what only training and other back ends need: marks of parameters and stopped gradients, extra attributes and outputs.
 * An operator that Paddle gives no extra attributes keeps `with_quant_attr`, as in its files.
 */
export function removeTrainingInfo(program: Program): void {
  for (const block of program.blocks) {
    const ordered = [...block.vars.values()]
    for (const { name } of ordered) block.removeVar(name)
    for (const variable of ordered) {
      const { wire } = variable
      const explicit = wire?.explicit.filter((field) => field !== 'stop_gradient' && field !== 'is_parameter') ?? []
      const notes = wire === undefined ? {} : { wire: { ...wire, explicit } }
      block.createVar({ ...variable, stopGradient: false, ...notes })
    }
    block.replaceOps(block.ops.map(clipped))
  }
}

function clipped(op: Operator): Operator {
  const extra = extraAttrs(op.type)
  const kept = without(op, [...extraOutputs(op.type)])
  if (extra.size === 0) return kept
  const parts = kept.parts()
  const quantized = parts.attrs['with_quant_attr'] === true
  const attrs = Object.fromEntries(
    Object.entries(parts.attrs).filter(
      ([name]) => !extra.has(name) && name !== 'op_callstack' && (quantized || name !== 'with_quant_attr'),
    ),
  )
  return new Operator({ ...parts, attrs }, op.id)
}

/** The parameters of a model: one file (.pdiparams), one for each variable by its name, or the values themselves by name. */
export type ModelParams = Uint8Array | ReadonlyMap<string, Uint8Array | Value>

/**
 * Reads an inference model and puts its parameters into the executor's scope.
 * @param program its .pdmodel (`Program.from` reads it). @param params left out for a model without parameters.
 * @throws InvalidArgumentError E538 for feed and fetch operators that do not fit together; NotFoundError E533 for missing parameters; what
 * reading parameters throws. Nothing is set then.
 */
export function readInferenceModel(
  program: Program,
  params: ModelParams | undefined,
  executor: Executor,
): InferenceModel {
  const { feedNames, fetchNames } = inferenceColumns(program)
  const block = program.globalBlock()
  const fetchVars = fetchNames.map((name) => block.var(name))
  for (const name of feedNames) block.var(name)
  for (const [name, value] of readParams(program, params ?? new Map())) executor.scope.set(name, value)
  return { program, feedNames, fetchVars }
}

function readParams(program: Program, params: ModelParams): ReadonlyMap<string, Value> {
  if (params instanceof Uint8Array) return readCombinedParams(params, program)
  const needed = persistableVariables(program).map(({ name }) => name)
  if (params.size === 0 && needed.length > 0) {
    throw new NotFoundError('E533', `the model has ${needed.length} parameters, but no parameter file was given`, {
      expected: needed,
    })
  }
  const files = [...params].filter((entry): entry is [string, Uint8Array] => entry[1] instanceof Uint8Array)
  if (files.length > 0) return readSeparateParams(new Map(files), program)
  const missing = needed.filter((name) => !params.has(name))
  if (missing.length > 0) {
    throw new NotFoundError('E533', `${missing.length} parameters of the model are missing: ${listed(missing)}`, {
      expected: needed,
      got: [...params.keys()],
    })
  }
  return params as ReadonlyMap<string, Value>
}

/**
 * Names of the variables to feed and to fetch, by the positions of the feed and fetch operators.
 * @throws InvalidArgumentError E538 for operators that do not fit together.
 */
export const inferenceColumns = (program: Program): { feedNames: string[]; fetchNames: string[] } => ({
  feedNames: columns(program, 'feed', 'outputs', 'Out'),
  fetchNames: columns(program, 'fetch', 'inputs', 'X'),
})

/** The variables of the feed or fetch operators by their position. */
function columns(program: Program, type: string, side: 'inputs' | 'outputs', slot: string): string[] {
  const names: string[] = []
  const cols: number[] = []
  program.globalBlock().ops.forEach((op, i) => {
    if (op.type !== type) return
    const col = op.attrs['col']
    const held = op[side][slot] ?? []
    const [name] = held
    if (typeof col !== 'number' || name === undefined || held.length !== 1) {
      throw new InvalidArgumentError('E538', `a ${type} operator must have col and one variable in ${slot}`, {
        where: { block: 0, op: i, opType: type },
        got: { col, [slot]: held },
      })
    }
    cols.push(col)
    if (col >= 0 && col < program.globalBlock().ops.length) names[col] = name
  })
  const sorted = [...cols].sort((a, b) => a - b)
  if (sorted.some((col, i) => col !== i)) {
    throw new InvalidArgumentError(
      'E538',
      `the ${type} operators must have the positions 0 to ${cols.length - 1}, got ${sorted.join(', ')}`,
      { where: { block: 0, opType: type }, expected: `0 to ${cols.length - 1}`, got: sorted },
    )
  }
  return names
}
