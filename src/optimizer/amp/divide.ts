/**
 * The first two steps of mixed precision: which operators compute in the half type and which in float32, and what type variables get from
 * that. Nothing is changed here. Source: python/paddle/static/amp/fp16_utils.py (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import type { Block } from '../../framework/block.ts'
import { EMPTY_VAR } from '../../framework/op_def.ts'
import type { Operator } from '../../framework/operator.ts'
import type { Program } from '../../framework/program.ts'
import { isTensorKind, type Variable } from '../../framework/variable.ts'
import { type DType, isFloating } from '../../tensor/dtype.ts'
import type { AmpLevel, AutoMixedPrecisionLists } from './lists.ts'

export interface CastModelOptions {
  readonly lists: AutoMixedPrecisionLists
  readonly level: AmpLevel
  /** O2: only operators appended inside `fp16Guard` compute in the half type. */
  readonly useGuard: boolean
  /** Operators in no list compute in float32 if any of their inputs is float32. */
  readonly usePromote: boolean
}

/** Attributes that say what an operator computes in or gives. */
export const FLOAT_ATTRS = ['in_dtype', 'out_dtype', 'dtype'] as const

/** The name scope that `fp16Guard` opens. */
export const GUARD = '__use_fp16__'

/** Inputs that stay float32 in a half operator: statistics and factors of normalizations. */
export function keepsFloat32Input(type: string, slot: string): boolean {
  switch (type) {
    case 'batch_norm':
    case 'layer_norm':
    case 'instance_norm':
      return slot !== 'X'
    case 'fused_bn_add_activation':
      return slot !== 'X' && slot !== 'Z'
    default:
      return false
  }
}

/** Outputs that stay float32 in a half operator. (Paddle names no instance_norm here.) */
const keepsFloat32Output = (type: string, slot: string): boolean =>
  (type === 'batch_norm' || type === 'layer_norm' || type === 'fused_bn_add_activation') && slot !== 'Y'

/** Element types that variables are to get; those of others are as they are. */
export class WantedTypes extends Map<Variable, DType> {
  of(variable: Variable): DType {
    return this.get(variable) ?? variable.dtype
  }
}

interface CastInput {
  readonly block: Block
  readonly op: Operator
  readonly dtype: DType
}

export interface Division {
  readonly half: ReadonlySet<Operator>
  readonly wide: ReadonlySet<Operator>
  readonly types: WantedTypes
  /** The user's own casts, with the type of their input as it becomes. */
  readonly castInputs: readonly CastInput[]
  readonly halfNames: Set<string>
}

/** @throws InvalidArgumentError E321 where an operator changes a variable in place that several operators before it write. */
export function divideOperators(program: Program, options: CastModelOptions): Division {
  const { lists, level } = options
  const half = new Set<Operator>()
  const wide = new Set<Operator>()
  const types = new WantedTypes()
  const castInputs: CastInput[] = []
  const halfNames = new Set<string>()
  const parameters = new Set(program.parameters().map(({ name }) => name))
  const isBlack = (type: string): boolean => lists.isBlack(type, level)
  const keepsFloat32 = (op: Operator): boolean => keepsWide(op, options)
  const kept = level === 'O2' ? setParameterTypes(program, options, isBlack, types) : new Set<string>()
  const producers = lastWriters(program)

  const setOutputs = (block: Block, op: Operator, dtype: DType): void => {
    for (const [slot, names] of Object.entries(op.outputs)) {
      if (keepsFloat32Output(op.type, slot)) continue
      for (const name of names) {
        const variable = findIn(block, name)
        if (variable !== undefined && isTensorKind(variable.type) && isFloating(types.of(variable))) {
          types.set(variable, dtype)
        }
      }
    }
  }
  const toHalf = (block: Block, op: Operator): void => {
    half.add(op)
    for (const [slot, names] of Object.entries(op.inputs)) {
      if (keepsFloat32Input(op.type, slot)) continue
      for (const name of names) {
        const variable = findIn(block, name)
        if (variable !== undefined && isTensorKind(variable.type) && isFloating(types.of(variable))) halfNames.add(name)
      }
    }
    setOutputs(block, op, lists.dtype)
  }
  const toWide = (block: Block, op: Operator): void => {
    wide.add(op)
    setOutputs(block, op, 'float32')
  }

  for (const block of program.blocks) {
    const before = new Map<string, Operator[]>()
    for (const op of block.ops) {
      if (isSubject(block, op, types)) {
        if (keepsFloat32(op) || namesBlackVariable(op, lists.blackVarnames)) toWide(block, op)
        else if (isBlack(op.type)) {
          for (const name of op.inputNames()) if (parameters.has(name)) halfNames.add(name)
          toWide(block, op)
        } else if (lists.whiteList.has(op.type)) toHalf(block, op)
        else if (op.type === 'cast') divideCast(block, op, types, castInputs)
        else if (
          options.usePromote
            ? readsFloat32(block, op, types)
            : level !== 'O2' && !followsHalf(block, op, { half, wide, options, isBlack, producers, before })
        ) {
          toWide(block, op)
        } else toHalf(block, op)
      }
      for (const name of op.outputNames()) {
        const writers = before.get(name)
        if (writers === undefined) before.set(name, [op])
        else writers.push(op)
      }
    }
  }
  for (const name of kept) halfNames.delete(name)
  return { half, wide, types, castInputs, halfNames }
}

/** Operators that compute in float32 whatever the lists say. */
function keepsWide(op: Operator, { lists, useGuard }: CastModelOptions): boolean {
  if (lists.unsupportedList.has(op.type)) return true
  for (const name of op.inputNames()) if (name.includes('learning_rate')) return true
  for (const name of op.outputNames()) if (name.includes('learning_rate')) return true
  return useGuard && !op.nameScope.includes(GUARD)
}

/** O2: parameters become half, except those that a float32 operator or slot reads. Black operators do not count: their inputs are cast. */
function setParameterTypes(
  program: Program,
  options: CastModelOptions,
  isBlack: (type: string) => boolean,
  types: WantedTypes,
): Set<string> {
  const kept = new Set<string>()
  for (const block of program.blocks) {
    for (const op of block.ops) {
      if (isBlack(op.type)) continue
      const all = keepsWide(op, options)
      for (const [slot, names] of Object.entries(op.inputs)) {
        if (all || keepsFloat32Input(op.type, slot)) for (const name of names) kept.add(name)
      }
    }
  }
  for (const param of program.parameters()) if (!kept.has(param.name)) types.set(param, options.lists.dtype)
  return kept
}

/** Operators that mixed precision looks at: of floats, and without an attribute that alone says what they give. */
function isSubject(block: Block, op: Operator, types: WantedTypes): boolean {
  const names = op.inputNames()
  const supported = (name: string): boolean => {
    const variable = block.findVar(name)
    if (variable === undefined) return true
    if (variable.type !== 'LOD_TENSOR') return false
    const dtype = types.of(variable)
    return dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float32'
  }
  if (names.length > 0 && !names.some(supported)) return false
  // The element type of set_value's output is that of its input, whatever the attribute says.
  if (op.type === 'set_value') return true
  if (op.type === 'create_py_reader' || op.type === 'read') return false
  if (Object.hasOwn(op.attrs, 'in_dtype')) return true
  const gives = (name: string): boolean => typeof op.attrs[name] === 'string' && isFloating(op.attrs[name] as DType)
  return !gives('out_dtype') && !gives('dtype')
}

const namesBlackVariable = (op: Operator, black: ReadonlySet<string>): boolean =>
  black.size > 0 && [...op.inputNames(), ...op.outputNames()].some((name) => black.has(name))

/** A cast of the user's stays what it is. */
function divideCast(block: Block, op: Operator, types: WantedTypes, castInputs: CastInput[]): void {
  const from = block.findVar(op.inputs['X']?.[0] ?? EMPTY_VAR)
  const to = block.findVar(op.outputs['Out']?.[0] ?? EMPTY_VAR)
  if (from !== undefined) castInputs.push({ block, op, dtype: types.of(from) })
  if (to !== undefined) types.set(to, op.attrs['out_dtype'] as DType)
}

const readsFloat32 = (block: Block, op: Operator, types: WantedTypes): boolean =>
  Object.entries(op.inputs).some(
    ([slot, names]) =>
      !keepsFloat32Input(op.type, slot) &&
      names.some((name) => {
        const variable = block.findVar(name)
        return variable !== undefined && types.of(variable) === 'float32'
      }),
  )

interface Surroundings {
  readonly half: ReadonlySet<Operator>
  readonly wide: ReadonlySet<Operator>
  readonly options: CastModelOptions
  readonly isBlack: (type: string) => boolean
  readonly producers: ReadonlyMap<Variable, Operator>
  /** Operators of the block before this one, by what they write. */
  readonly before: ReadonlyMap<string, readonly Operator[]>
}

/** Gray operators follow the last of their inputs whose producer is decided, and are half where none is; all others are float32. */
function followsHalf(block: Block, op: Operator, around: Surroundings): boolean {
  const { half, wide, options, isBlack, producers, before } = around
  if (!options.lists.grayList.has(op.type)) return false
  let result = true
  for (const name of op.inputNames()) {
    const variable = block.findVar(name)
    let producer = variable === undefined ? undefined : producers.get(variable)
    if (producer === op) {
      const writers = before.get(name) ?? []
      if (writers.length > 1) throw severalProducers(block, op, name)
      producer = writers[0]
    }
    if (producer === undefined) continue
    if (wide.has(producer) || isBlack(producer.type)) result = false
    else if (half.has(producer) || options.lists.whiteList.has(producer.type)) result = true
  }
  return result
}

function severalProducers(block: Block, op: Operator, name: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'E321',
    `${op.type} changes "${name}" in place, and more than one operator before it writes "${name}": mixed precision does not know which type it has`,
    {
      where: { block: block.idx, op: block.ops.indexOf(op), opType: op.type, variable: name },
      hint: `put "${op.type}" into the custom white or black list, or let the operators write different variables`,
    },
  )
}

/** The operator that was appended last of those that write a variable: inner blocks are filled before the operator that runs them. */
function lastWriters(program: Program): Map<Variable, Operator> {
  const writers = new Map<Variable, Operator>()
  const visited = new Set<Block>()
  const visit = (block: Block): void => {
    if (visited.has(block)) return
    visited.add(block)
    for (const op of block.ops) {
      const inner = op.subBlock === undefined ? undefined : program.blocks[op.subBlock]
      if (inner !== undefined) visit(inner)
      for (const name of op.outputNames()) {
        const variable = block.findVar(name)
        if (variable !== undefined) writers.set(variable, op)
      }
    }
  }
  visit(program.globalBlock())
  return writers
}

/** Gradient blocks may name variables of block 0 that they do not lie in. */
const findIn = (block: Block, name: string): Variable | undefined =>
  name === EMPTY_VAR ? undefined : (block.findVar(name) ?? block.program.globalBlock().vars.get(name))
