/**
 * Mixed precision as a rewriting of a program: operators are divided into those that compute in the half type and those that compute in
 * float32, variables take the type of the operator that writes them, and casts are put where the two meet.
 * Source: python/paddle/static/amp/fp16_utils.py, cast_model_to_fp16 (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { type Block, fillAttrs } from '../../framework/block.ts'
import { findOp } from '../../framework/op_def.ts'
import { OP_DEVICE, OP_NAMESCOPE, OP_ROLE, OP_ROLE_VAR } from '../../framework/op_role.ts'
import { Operator } from '../../framework/operator.ts'
import type { Program } from '../../framework/program.ts'
import { isTensorKind, type Variable } from '../../framework/variable.ts'
import { type DType, isFloating } from '../../tensor/dtype.ts'
import { type CastModelOptions, type Division, divideOperators, FLOAT_ATTRS, keepsFloat32Input } from './divide.ts'

/** A cast variable that does not exist yet, with the variable that it is cast from. */
interface PlannedCast {
  readonly from: Variable
  readonly name: string
  readonly dtype: DType
}

interface BlockPlan {
  readonly block: Block
  readonly ops: readonly Operator[]
  readonly casts: ReadonlyMap<string, PlannedCast>
  /** Attributes to set on operators that stay the same objects. */
  readonly attrs: readonly (readonly [Operator, string, DType])[]
}

/**
 * Rewrites the program. Nothing is changed if this throws.
 * @returns the names of variables that half operators read and that may therefore be stored in the half type: of these, parameters.
 * @throws InvalidArgumentError E321 naming a variable whose producer or cast is ambiguous.
 */
export function castModel(program: Program, options: CastModelOptions): Set<string> {
  const division = divideOperators(program, options)
  const plans: BlockPlan[] = []
  for (const block of program.blocks) plans.push(planBlock(block, division, options.lists.dtype, plans))
  for (const [variable, dtype] of division.types) variable.dtype = dtype
  for (const { block, op, dtype } of division.castInputs) block.setAttr(op, 'in_dtype', dtype)
  for (const { block, ops, casts, attrs } of plans) {
    for (const { from, name, dtype } of casts.values()) {
      const { shape, lodLevel, stopGradient } = from
      block.createVar({ name, dtype, shape, lodLevel, stopGradient })
    }
    block.replaceOps(ops)
    for (const [op, name, dtype] of attrs) block.setAttr(op, name, dtype)
  }
  return division.halfNames
}

function planBlock(block: Block, division: Division, half: DType, earlier: readonly BlockPlan[]): BlockPlan {
  const ops: Operator[] = []
  const casts = new Map<string, PlannedCast>()
  const attrs: [Operator, string, DType][] = []
  const { types } = division
  /** The type of a visible variable of that name, made already or planned. */
  const visibleType = (name: string): DType | undefined => {
    const own = casts.get(name)
    if (own !== undefined) return own.dtype
    for (let outer: Block | undefined = block; outer !== undefined; outer = outer.parent) {
      const variable = outer.vars.get(name)
      if (variable !== undefined) return types.of(variable)
      const planned = earlier[outer.idx]?.casts.get(name)
      if (planned !== undefined) return planned.dtype
    }
    return undefined
  }
  for (const op of block.ops) {
    const wanted: DType | undefined = division.half.has(op) ? half : division.wide.has(op) ? 'float32' : undefined
    if (wanted === undefined) {
      ops.push(op)
      continue
    }
    const from: DType = wanted === 'float32' ? half : 'float32'
    const renamed = new Map<string, string>()
    const inserted: Operator[] = []
    for (const slot of Object.keys(op.inputs).sort()) {
      if (from === 'float32' && keepsFloat32Input(op.type, slot)) continue
      for (const name of op.inputs[slot]!) {
        if (renamed.has(name)) continue
        const variable = block.findVar(name)
        if (variable === undefined || !isTensorKind(variable.type) || types.of(variable) === wanted) continue
        const cast = `${name}.cast_${wanted === 'float32' ? 'fp32' : 'fp16'}`
        if (visibleType(cast) === wanted) {
          renamed.set(name, cast)
          continue
        }
        if (types.of(variable) !== from) continue
        if (block.hasVar(cast)) throw castNameTaken(block.vars.get(cast)!, name, wanted)
        casts.set(cast, { from: variable, name: cast, dtype: wanted })
        inserted.push(castOperator(block, op, name, cast, from, wanted))
        renamed.set(name, cast)
      }
    }
    // Paddle puts each cast in front of the casts that it put in before.
    for (const cast of inserted.reverse()) ops.push(cast)
    const made = renamed.size === 0 ? op : op.renamed((name) => renamed.get(name) ?? name)
    ops.push(made)
    for (const name of FLOAT_ATTRS) {
      const value = made.attrs[name]
      if (typeof value === 'string' && isFloating(value as DType)) attrs.push([made, name, wanted])
    }
  }
  return { block, ops, casts, attrs }
}

function castOperator(block: Block, reader: Operator, from: string, to: string, in_dtype: DType, out_dtype: DType) {
  const { program } = block
  const def = findOp(program.library, 'cast')
  const given = {
    in_dtype,
    out_dtype,
    [OP_ROLE]: reader.role,
    [OP_ROLE_VAR]: [],
    [OP_NAMESCOPE]: program.nameScopes.path,
  }
  const device = reader.attrs[OP_DEVICE]
  return new Operator({
    type: 'cast',
    inputs: { X: [from] },
    outputs: { Out: [to] },
    attrs: {
      ...(def === undefined ? given : fillAttrs(def, given)),
      ...(device === undefined ? {} : { [OP_DEVICE]: device }),
    },
  })
}

function castNameTaken(variable: Variable, name: string, wanted: DType): InvalidArgumentError {
  return new InvalidArgumentError(
    'E321',
    `"${name}" needs a cast to ${wanted}, but "${variable.name}" exists already as ${variable.dtype}`,
    {
      where: { block: variable.block.idx, variable: variable.name },
      expected: wanted,
      got: variable.dtype,
      hint: `rename "${variable.name}"`,
    },
  )
}
