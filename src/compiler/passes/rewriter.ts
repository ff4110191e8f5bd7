/**
 * Editing of block 0 for passes: operators are taken out, replaced and read other names, all of it on a copy that `finish` makes. What may be
 * done to a name is decided here. Blocks inside are left as they are, and what they name is left alone. Linear in the size of the program.
 */
import { fusedAttr } from '../../framework/backend_hints.ts'
import { fillAttrs } from '../../framework/block.ts'
import { type AnyOpDef, EMPTY_VAR, findOp } from '../../framework/op_def.ts'
import { OP_DEVICE, OP_NAMESCOPE, OP_ROLE, OP_ROLE_VAR } from '../../framework/op_role.ts'
import { Operator, type SlotNames } from '../../framework/operator.ts'
import type { Program } from '../../framework/program.ts'
import type { VarDesc } from '../../framework/variable.ts'
import { blockAttrs } from '../../framework/variable_index.ts'
import type { PassContext } from './pass.ts'

export interface NewOperator {
  readonly def: AnyOpDef
  readonly inputs: Readonly<Record<string, readonly string[]>>
  readonly outputs: Readonly<Record<string, readonly string[]>>
  readonly attrs: Readonly<Record<string, unknown>>
}

export class Rewriter {
  readonly program: Program
  readonly #context: PassContext
  readonly #writes = new Map<string, number>()
  readonly #reads = new Map<string, number>()
  readonly #producers = new Map<string, Operator>()
  /** Names that hold a value before any operator of block 0 has written them, as far as operators read them. */
  readonly #readBeforeWritten = new Set<string>()
  /** Names that operators of other blocks use, or that a block reads through its operator. */
  readonly #pinned = new Set<string>()
  /** Names of which a file says what they are: their feed and fetch operators name them. */
  readonly #exposed = new Set<string>()
  readonly #renamed = new Map<string, string>()
  readonly #replaced = new Map<Operator, readonly Operator[]>()
  readonly #added: VarDesc[] = []
  readonly #addedNames = new Set<string>()

  constructor(program: Program, context: PassContext) {
    this.program = program
    this.#context = context
    const block = program.globalBlock()
    for (const op of block.ops) {
      const outside = findOp(program.library, op.type)?.effects === 'io'
      for (const name of op.inputNames()) {
        this.#reads.set(name, this.readers(name) + 1)
        if (!this.#writes.has(name)) this.#readBeforeWritten.add(name)
        if (outside) this.#exposed.add(name)
      }
      for (const name of op.outputNames()) {
        this.#writes.set(name, (this.#writes.get(name) ?? 0) + 1)
        this.#producers.set(name, op)
        if (outside) this.#exposed.add(name)
      }
    }
    for (const inner of program.blocks.slice(1)) {
      for (const op of inner.ops) {
        for (const name of op.inputNames()) this.#pinned.add(name)
        for (const name of op.outputNames()) {
          this.#pinned.add(name)
          this.#writes.set(name, (this.#writes.get(name) ?? 0) + 1)
        }
      }
    }
  }

  get ops(): readonly Operator[] {
    return this.program.globalBlock().ops
  }

  /** The operator's definition if nothing but its outputs tells that it ran: no effects, no blocks, no work on the scope. */
  pureDef(op: Operator): AnyOpDef | undefined {
    const def = findOp(this.program.library, op.type)
    if (def === undefined || def.effects !== undefined || def.kernels.scope !== undefined || op.isTarget)
      return undefined
    return blockAttrs(op, def).length > 0 ? undefined : def
  }

  /** True for an operator of this definition and nothing fused into it; a library may have another one under the same name. */
  is(op: Operator | undefined, def: { readonly type: string }): op is Operator {
    if (op === undefined || op.type !== def.type || fusedAttr(op.attrs) !== undefined) return false
    return this.knows(def)
  }

  /** True if the program's library has this definition, so that a pass may make operators of it. */
  knows(def: { readonly type: string }): boolean {
    return (findOp(this.program.library, def.type) as unknown) === def
  }

  /** How often operators of block 0 that are still there read a name, after the renaming so far. */
  readers(name: string): number {
    return this.#reads.get(name) ?? 0
  }

  /** The operator that writes a name, of one that is written once. */
  producer(name: string): Operator | undefined {
    const op = this.#writes.get(name) === 1 ? this.#producers.get(name) : undefined
    return op !== undefined && this.#replaced.has(op) ? undefined : op
  }

  /** True if the name holds one dense value for the whole run, from where it is written or from the beginning. */
  isStable(name: string): boolean {
    const variable = this.program.globalBlock().vars.get(name)
    if (variable === undefined || variable.type !== 'LOD_TENSOR') return false
    const writes = this.#writes.get(name) ?? 0
    const fromOutside = variable.persistable || variable.needCheckFeed || this.#readBeforeWritten.has(name)
    return fromOutside ? writes === 0 : writes === 1
  }

  /** True if operators of block 0 find the same dense value wherever they read the name, so that a reader may move down. */
  isSettled(name: string): boolean {
    const variable = this.program.globalBlock().vars.get(name)
    if (variable === undefined || variable.type !== 'LOD_TENSOR') return false
    const writes = this.#writes.get(name) ?? 0
    return writes === 0 || (writes === 1 && this.#producers.has(name) && !this.#readBeforeWritten.has(name))
  }

  /** True if nobody outside of block 0's operators can tell whether the name is there: it may be renamed and taken out. */
  isFree(name: string): boolean {
    const variable = this.program.globalBlock().vars.get(name)
    if (variable === undefined || variable.persistable || variable.needCheckFeed) return false
    return this.isStable(name) && !this.isSeen(name)
  }

  /** True if somebody other than block 0's operators uses the name. */
  isSeen(name: string): boolean {
    return this.#pinned.has(name) || this.#exposed.has(name) || this.#context.isWanted(name)
  }

  /** The operator that writes a name which is free and read once, so that it works for that reader alone. */
  producerFor(name: string): Operator | undefined {
    return this.isFree(name) && this.readers(name) === 1 ? this.producer(name) : undefined
  }

  /** The name that stands in the place of `name` now. */
  nameOf(name: string): string {
    let to = name
    for (let next = this.#renamed.get(to); next !== undefined; next = this.#renamed.get(to)) to = next
    if (to !== name && this.#renamed.get(name) !== to) this.#renamed.set(name, to)
    return to
  }

  /** From now on whoever reads `from`, which is free, reads `to`, which is stable. */
  replaceUses(from: string, to: string): void {
    this.#reads.set(to, this.readers(to) + this.readers(from))
    this.#reads.set(from, 0)
    this.#renamed.set(from, to)
  }

  /** False for an operator of the program that has been replaced. */
  isThere(op: Operator): boolean {
    return !this.#replaced.has(op)
  }

  /** Puts operators in the place of one; none take it out. They read current names. */
  replace(op: Operator, ...by: readonly Operator[]): void {
    for (const name of op.inputNames()) this.#count(this.nameOf(name), -1)
    for (const each of by) {
      for (const name of each.inputNames()) this.#count(name, 1)
      for (const name of each.outputNames()) this.#producers.set(name, each)
    }
    this.#replaced.set(op, by)
  }

  #count(name: string, change: number): void {
    this.#reads.set(name, this.readers(name) + change)
  }

  /** Takes out an operator that has no effect and whose outputs nobody reads, and then those that it alone kept alive. */
  removeIfUnused(op: Operator | undefined): void {
    const open = [op]
    while (open.length > 0) {
      const next = open.pop()
      if (next === undefined || this.#replaced.has(next) || this.pureDef(next) === undefined) continue
      const outputs = next.outputNames().filter((name) => name !== EMPTY_VAR)
      if (!outputs.every((name) => this.isFree(name) && this.readers(name) === 0)) continue
      this.replace(next)
      for (const name of next.inputNames()) open.push(this.producer(this.nameOf(name)))
    }
  }

  /** An operator in the role, scope and place of another one. */
  operator({ def, inputs, outputs, attrs }: NewOperator, like: Operator): Operator {
    const filled = fillAttrs(def, attrs)
    for (const name of [OP_ROLE, OP_ROLE_VAR, OP_NAMESCOPE, OP_DEVICE]) {
      const value = like.attrs[name]
      if (value !== undefined) filled[name] = value
    }
    const { callSite } = like
    return new Operator({
      type: def.type,
      inputs,
      outputs,
      attrs: filled,
      callSite,
    })
  }

  /** A name that the program does not have yet: `wanted`, or with a number behind it. */
  freshName(wanted: string): string {
    const isTaken = (name: string): boolean =>
      this.#addedNames.has(name) || this.program.blocks.some((block) => block.vars.has(name))
    let name = wanted
    for (let i = 1; isTaken(name); i++) name = `${wanted}_${i}`
    return name
  }

  /** Adds a variable to block 0. */
  addVariable(desc: VarDesc): void {
    this.#addedNames.add(desc.name)
    this.#added.push(desc)
  }

  /**
   * The program with all of that done, or the program itself if there was nothing. Variables that lost all their uses go too, but for
   * persistable and fed ones and those that somebody wants.
   * @param orphans persistable variables that go as well if nothing names them any more.
   */
  finish(orphans: readonly string[] = []): Program {
    if (this.#replaced.size === 0 && this.#renamed.size === 0 && this.#added.length === 0) return this.program
    const copy = this.program.clone()
    const block = copy.globalBlock()
    const named = namesIn(this.program)
    for (const desc of this.#added) block.createVar(desc)
    block.replaceOps(this.program.globalBlock().ops.flatMap((op) => this.#standingFor(op)))
    const left = namesIn(copy)
    const mayGo = new Set(orphans)
    for (const variable of [...block.vars.values()]) {
      const { name, persistable, needCheckFeed } = variable
      const lost = named.has(name) && !left.has(name) && !this.isSeen(name)
      if (lost && (mayGo.has(name) || (!persistable && !needCheckFeed))) block.removeVar(name)
    }
    return copy
  }

  /** What is in the place of an operator; an operator that was put there may itself have been taken out. */
  #standingFor(op: Operator): Operator[] {
    const by = this.#replaced.get(op)
    return by === undefined ? [this.#withNames(op)] : by.flatMap((each) => this.#standingFor(each))
  }

  #withNames(op: Operator): Operator {
    const map = (name: string): string => this.nameOf(name)
    const apply = (slots: SlotNames): SlotNames =>
      Object.fromEntries(Object.entries(slots).map(([slot, names]) => [slot, names.map(map)]))
    const parts = op.parts()
    if (op.roleVars.length > 0) parts.attrs[OP_ROLE_VAR] = op.roleVars.map(map)
    return new Operator({ ...parts, inputs: apply(op.inputs) }, op.id)
  }
}

/** All names that operators use, in slots and as role variables. */
function namesIn(program: Program): Set<string> {
  const names = new Set<string>()
  for (const { ops } of program.blocks) {
    for (const op of ops) {
      for (const name of op.inputNames()) names.add(name)
      for (const name of op.outputNames()) names.add(name)
      for (const name of op.roleVars) names.add(name)
    }
  }
  return names
}
