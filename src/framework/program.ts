/**
 * A program: blocks of operators over named variables, with the state that building one carries (names, roles, scopes).
 * Source: python/paddle/base/framework.py, class Program, and framework.proto's ProgramDesc (2.6.2).
 */
import { assert } from '../errors.ts'
import { Block } from './block.ts'
import { CallSite, SharedCallSite } from './call_site.ts'
import type { AnyOpDef, OpLibrary } from './op_def.ts'
import { NameScopes } from './op_role.ts'
import { formatProgram } from './printer.ts'
import { programFromJson, programToJson } from './program_codec.ts'
import { programToProto } from './program_desc_writer.ts'
import type { ProgramJson } from './program_json.ts'
import { inferenceOptimize, pruneBackward } from './prune.ts'
import { UniqueNames } from './unique_name.ts'
import type { Parameter } from './variable.ts'
import type { WireNotes } from './wire_notes.ts'

/** The learning-rate schedule that a program was minimized with, as plain data. */
export interface LrSchedulerState {
  readonly type: string
  /** The variable that the schedule writes before each step. */
  readonly var: string
  readonly [option: string]: unknown
}

/** Where the value of a learning-rate variable comes from while a program runs. */
export interface LearningRateSource {
  readonly variable: string
  /** The rate of the next run. */
  value(): number
  /** Paddle's class name of the schedule. */
  readonly type: string
  /** What `setStateDict` needs to go on from here. */
  stateDict(): Readonly<Record<string, unknown>>
  /** @throws NotFoundError E317 for the state of another schedule. */
  setStateDict(state: Readonly<Record<string, unknown>>): void
}

export interface ProgramOptions {
  /** Counters of names; a startup program shares those of its main program. */
  readonly names?: UniqueNames
  /** Whether operators remember where they were appended. Default true. */
  readonly callSites?: boolean
}

export class Program {
  readonly library: OpLibrary
  readonly names: UniqueNames
  readonly nameScopes = new NameScopes()
  readonly callSites: boolean
  /** Seed written into random operators as they are appended; 0: they draw from the generator of the run. */
  randomSeed = 0
  /** ProgramDesc.version: MAJOR * 1,000,000 + MINOR * 1,000 + PATCH of the writer; 0 where absent. */
  version = 0
  /** Versions of operator definitions that the writer knew. */
  opVersions: Readonly<Record<string, number>> | undefined
  /** `$…` and `x_…` members of the file it came from. */
  extra: Readonly<Record<string, unknown>> | undefined
  /** How the ProgramDesc that it came from wrote it. */
  wire: WireNotes | undefined
  lrScheduler: LrSchedulerState | undefined
  /** The live schedule: the Executor writes its value before each run. No part of the program file. */
  learningRateSource: LearningRateSource | undefined
  /** True for a program that initializes another one's persistable variables. */
  isStartup = false
  /** The program that initializes this one's persistable variables, where it is known. */
  startup: Program | undefined
  /** Role and role variables that appended operators get. */
  currentRole = 0
  currentRoleVars: readonly string[] = []
  /** How many backward passes were appended (Paddle's _appending_grad_times). */
  appendingGradTimes = 0
  /** Counts edits; whoever caches something about a program compares it. */
  edits = 0
  #blocks: Block[] = []
  #current = 0
  #generatedVars = 0
  #sharedCallSite: SharedCallSite | undefined

  constructor(library: OpLibrary, options: ProgramOptions = {}) {
    this.library = library
    this.names = options.names ?? new UniqueNames()
    this.callSites = options.callSites ?? true
    this.#blocks.push(new Block(this, 0, -1))
  }

  /**
   * A program from its JSON form (an object, text or UTF-8) or from ProgramDesc bytes.
   * @throws InvalidArgumentError E5xx with the JSON pointer, line and column of a text, the offset in bytes.
   */
  static from(source: unknown, options: { readonly library: OpLibrary; readonly file?: string }): Program {
    return programFromJson(source, options)
  }

  get blocks(): readonly Block[] {
    return this.#blocks
  }

  globalBlock(): Block {
    return this.#blocks[0]!
  }

  /** The block that operators are being appended to. */
  currentBlock(): Block {
    return this.#blocks[this.#current]!
  }

  /** Adds a block and makes it current. @param parentIdx default: the current block. */
  createBlock(parentIdx = this.#current, forwardBlockIdx = -1): Block {
    const block = new Block(this, this.#blocks.length, parentIdx, forwardBlockIdx)
    this.#blocks.push(block)
    this.#current = block.idx
    this.edited()
    return block
  }

  /** Makes the parent of the current block current again. */
  rollback(): void {
    assert(this.#current !== 0, 'rollback from the global block')
    this.#current = this.currentBlock().parentIdx
  }

  /** Replaces all blocks: for passes and pruning. */
  replaceBlocks(blocks: readonly Block[]): void {
    this.#blocks = [...blocks]
    this.#current = 0
    this.edited()
  }

  /** A block for `replaceBlocks`. */
  emptyBlock(idx: number, parentIdx: number, forwardBlockIdx: number): Block {
    return new Block(this, idx, parentIdx, forwardBlockIdx)
  }

  edited(): void {
    this.edits++
  }

  /** Parameters of all blocks, in the order in which they were created. */
  parameters(): Parameter[] {
    return this.#blocks.flatMap((block) => block.parameters())
  }

  /** `_generated_var_0`, …: the name of a variable that nobody named. Each program counts for itself. */
  generateVarName(): string {
    return `_generated_var_${this.#generatedVars++}`
  }

  /** Moves the counter of generated names past `name`. */
  observeGeneratedVar(name: string): void {
    const match = /^_generated_var_(\d{1,9})$/.exec(name)
    if (match !== null) this.#generatedVars = Math.max(this.#generatedVars, Number(match[1]) + 1)
  }

  /** Appends made inside `body` get this role and these role variables. */
  withRole<T>(role: number, roleVars: readonly string[], body: () => T): T {
    const { currentRole, currentRoleVars } = this
    this.currentRole = role
    this.currentRoleVars = roleVars
    try {
      return body()
    } finally {
      this.currentRole = currentRole
      this.currentRoleVars = currentRoleVars
    }
  }

  /** Where the caller appends; undefined where that is not kept. */
  callSite(): CallSite | undefined {
    return this.callSites ? (this.#sharedCallSite?.next() ?? new CallSite()) : undefined
  }

  /** Appends made inside `body`, a loop of the library, have one call site, unless code of the caller's makes them. */
  withSharedCallSite<T>(body: () => T): T {
    if (!this.callSites) return body()
    const outer = this.#sharedCallSite
    this.#sharedCallSite = new SharedCallSite()
    try {
      return body()
    } finally {
      this.#sharedCallSite = outer
    }
  }

  /** Appends made inside `body` get `prefix` (with a suffix when it was opened before) in their name scope. */
  withNameScope<T>(prefix: string, body: () => T): T {
    return this.nameScopes.within(prefix, body)
  }

  /**
   * A copy. With `forTest` the operators of backward and optimizer and the learning-rate schedule are left out and `is_test` is set where
   * an operator has it, as Paddle's clone(for_test=True) does. Without it the copy shares a live schedule.
   */
  clone(options: { readonly forTest?: boolean } = {}): Program {
    const copy = new Program(this.library, { names: this.names.clone(), callSites: this.callSites })
    copy.randomSeed = this.randomSeed
    copy.version = this.version
    copy.opVersions = this.opVersions
    copy.extra = this.extra
    copy.wire = this.wire
    if (options.forTest !== true) {
      copy.lrScheduler = this.lrScheduler
      copy.learningRateSource = this.learningRateSource
    }
    copy.isStartup = this.isStartup
    copy.startup = this.startup
    copy.appendingGradTimes = this.appendingGradTimes
    copy.#generatedVars = this.#generatedVars
    copy.#blocks = this.#blocks.map((block) => copyBlock(block, copy))
    if (options.forTest === true) {
      pruneBackward(copy)
      inferenceOptimize(copy)
    }
    return copy
  }

  /** The program file as data (program-json.md), canonical: equal programs give equal JSON. */
  toJSON(): ProgramJson {
    return programToJson(this)
  }

  /** ProgramDesc bytes, as a .pdmodel holds them. What these cannot hold (random seed, schedule, options of parameters) is left out. */
  toProto(): Uint8Array {
    return programToProto(this)
  }

  /** The listing that `oarlock show` prints. */
  toString(): string {
    return formatProgram(this)
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return formatProgram(this)
  }

  /** The definition of an operator, or undefined when this program's library has none. */
  definition(type: string): AnyOpDef | undefined {
    return Object.hasOwn(this.library, type) ? this.library[type] : undefined
  }
}

/** A block of another program with the same variables and operators; operators keep their identity. */
function copyBlock(block: Block, program: Program): Block {
  const copy = new Block(program, block.idx, block.parentIdx, block.forwardBlockIdx)
  copy.adopt(block)
  return copy
}
