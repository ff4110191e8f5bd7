/**
 * Which variable a name means, and which operators write and read each variable: one pass over a program, for printer, verify and whoever
 * asks about more than one variable.
 */
import type { Block } from './block.ts'
import { type AnyOpDef, EMPTY_VAR } from './op_def.ts'
import type { Operator, SlotNames } from './operator.ts'
import type { Program } from './program.ts'
import type { Variable } from './variable.ts'

/** One operator that names a variable. */
export interface VariableUse {
  readonly block: Block
  /** The operator's index in its block. */
  readonly index: number
  readonly op: Operator
  readonly slot: string
}

export interface VariableUses {
  /** In program order: block by block, operator by operator. An operator that names the variable twice in a slot stands once. */
  readonly writers: readonly VariableUse[]
  readonly readers: readonly VariableUse[]
}

export type VariableIndex = ReadonlyMap<Variable, VariableUses>

const NO_USES: VariableUses = { writers: [], readers: [] }

/**
 * The variable that an operator of `block` means by `name`: of this block or an enclosing one; in a block of gradients else of the block
 * whose gradient it holds, which ran before in the same scopes. undefined if there is none.
 */
export function resolveVar(block: Block, name: string): Variable | undefined {
  const found = block.findVar(name)
  if (found !== undefined) return found
  for (let outer: Block | undefined = block; outer !== undefined; outer = outer.parent) {
    const forward = outer.forwardBlockIdx < 0 ? undefined : block.program.blocks[outer.forwardBlockIdx]
    const variable = forward?.findVar(name)
    if (variable !== undefined) return variable
  }
  return undefined
}

/** Writers and readers of all variables that operators name. */
export function indexVariables(program: Program): VariableIndex {
  const index = new Map<Variable, { writers: VariableUse[]; readers: VariableUse[] }>()
  const add = (side: 'writers' | 'readers', slots: SlotNames, block: Block, position: number, op: Operator): void => {
    for (const slot of Object.keys(slots)) {
      for (const name of slots[slot]!) {
        if (name === EMPTY_VAR) continue
        const variable = resolveVar(block, name)
        if (variable === undefined) continue
        let uses = index.get(variable)
        if (uses === undefined) index.set(variable, (uses = { writers: [], readers: [] }))
        const list = uses[side]
        const last = list[list.length - 1]
        if (last === undefined || last.op !== op || last.slot !== slot) list.push({ block, index: position, op, slot })
      }
    }
  }
  for (const block of program.blocks) {
    block.ops.forEach((op, i) => {
      add('readers', op.inputs, block, i, op)
      add('writers', op.outputs, block, i, op)
    })
  }
  return index
}

export const usesOf = (index: VariableIndex, variable: Variable): VariableUses => index.get(variable) ?? NO_USES

const declaredBlockAttrs = new WeakMap<AnyOpDef, readonly string[]>()

/**
 * The blocks that an operator runs: `sub_block`, and its other attributes of type BLOCK and BLOCKS but for `global_block` and its like,
 * which stand for a whole program.
 * @param def the operator's definition, where there is one.
 */
export function blockAttrs(op: Operator, def: AnyOpDef | undefined): { attr: string; idx: number }[] {
  const names = new Set(def === undefined ? ['sub_block'] : declaredBlocks(def))
  for (const name in op.attrTypes) if (isBlockAttr(name, op.attrTypes[name])) names.add(name)
  const found: { attr: string; idx: number }[] = []
  for (const attr of names) {
    const value = op.attrs[attr]
    if (typeof value === 'number') found.push({ attr, idx: value })
    else if (Array.isArray(value)) for (const idx of value) if (typeof idx === 'number') found.push({ attr, idx })
  }
  return found
}

function declaredBlocks(def: AnyOpDef): readonly string[] {
  let names = declaredBlockAttrs.get(def)
  if (names === undefined) {
    names = Object.keys(def.attrs).filter((name) => isBlockAttr(name, def.attrs[name]!.type))
    declaredBlockAttrs.set(def, names)
  }
  return names
}

const isBlockAttr = (name: string, type: string | undefined): boolean =>
  (type === 'BLOCK' || type === 'BLOCKS') && !name.endsWith('global_block')
