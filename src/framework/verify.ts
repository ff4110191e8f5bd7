/**
 * Whether a program makes sense: operators known, slots and attributes as defined, variables declared and written before they are read,
 * shapes and element types as inferred, blocks that can be run. What a file must look like is for `program_json.ts`; values, feeds and
 * fetches of a run are for the executor.
 */
import { nearestNames, suggest } from '../errors.ts'
import { compatibleShapes, formatShape, type Shape } from '../tensor/shape.ts'
import { type Attr, PARSERS } from './attr_value.ts'
import { isBackendHint, refuseFused } from './backend_hints.ts'
import type { Block } from './block.ts'
import { type InferredMetas, inferOperator, type MetaSource } from './infer.ts'
import { type Issue, Reporter, shortText } from './issue.ts'
import { type AnyOpDef, EMPTY_VAR, findOp, GRAD_SUFFIX, type Meta } from './op_def.ts'
import { OpRole, roleLetter } from './op_role.ts'
import { GENERIC_ATTRS, type Operator } from './operator.ts'
import { attrTypeOf } from './print_text.ts'
import type { Program } from './program.ts'
import { checkStoredSlots } from './stored_slots.ts'
import { isTensorKind, type Variable } from './variable.ts'
import { blockAttrs, indexVariables, resolveVar, usesOf, type VariableIndex } from './variable_index.ts'

export type { Issue } from './issue.ts'

/** Names are compared letter by letter with all others for a hint, so that only the first faults of a program get one. */
const MOST_HINTS = 20

/**
 * What is wrong with a program, [] when it is sound. Errors: E201 attribute, E205 and E206 slots, E207 variable not declared, E219 parameter
 * of unknown shape, E220 read before it is written, E221 block that cannot be run, E222 variable that is not what its operator makes, E223 two
 * outputs of one name, E401 operator that is not known, and what inference throws. Warnings: W110 written but never read, W111 attribute without effect,
 * W112 slot without effect.
 * Linear in the size of the program.
 */
export function verify(program: Program): Issue[] {
  return new Verifier(program).run()
}

class Verifier {
  readonly #program: Program
  readonly #uses: VariableIndex
  readonly #issues: Issue[] = []
  /** Variables that some operator that ran before has written. */
  readonly #written = new Set<Variable>()
  readonly #visited = new Set<number>()
  /** Blocks that are being run, outermost first. */
  readonly #running: number[] = []
  /** Hints for operator types that are not known. */
  readonly #typeHints = new Map<string, string | undefined>()
  #hints = 0

  constructor(program: Program) {
    this.#program = program
    this.#uses = indexVariables(program)
  }

  run(): Issue[] {
    for (const block of this.#program.blocks)
      for (const variable of block.vars.values()) if (variable.isParameter) this.#checkParameter(block, variable)
    this.#visit(this.#program.globalBlock())
    // What no operator runs is checked all the same, after everything that could have written for it.
    for (const block of this.#program.blocks) if (!this.#visited.has(block.idx)) this.#visit(block)
    return this.#issues
  }

  /** Unknown dimensions, any number of them, are for data. A parameter has a value, and so a size. */
  #checkParameter(block: Block, { name, shape }: Variable): void {
    if (!shape.includes(-1)) return
    this.#issues.push({
      severity: 'error',
      code: 'E219',
      category: 'InvalidArgument',
      message: `parameter "${name}" needs a known shape, got ${formatShape(shape)}`,
      where: { block: block.idx, variable: name },
      expected: 'dimensions of 0 or more',
      got: shape,
    })
  }

  #visit(block: Block): void {
    this.#visited.add(block.idx)
    this.#running.push(block.idx)
    const lastForward = block.ops.findLastIndex((op) => roleLetter(op.role) === 'F')
    /** The operator that last wrote a name in this block; undefined once a block inside has. */
    const writers = new Map<string, Operator>()
    const source: MetaSource = {
      meta: (name) => {
        const variable = resolveVar(block, name)
        return variable === undefined ? undefined : knownMeta(variable)
      },
      constant: (name) => {
        const writer = writers.get(name)
        const alone = writer !== undefined && writer.inputNames().length === 0
        const def = alone ? findOp(this.#program.library, writer.type) : undefined
        return def?.constant?.(writer!.filledAttrs(def))
      },
    }
    block.ops.forEach((op, index) => {
      const def = this.#program.definition(op.type)
      const reporter = new Reporter(this.#issues, block, op, index)
      if (def === undefined) this.#reportUnknown(op, reporter)
      const namesFine = this.#checkInputs(block, op, reporter)
      const slotsFine = def !== undefined && this.#checkSlots(def, op, reporter)
      const attrsFine = this.#checkAttrs(def, op, reporter)
      this.#runBlocks(block, op, def, writers, reporter)
      const outputsFine = this.#checkOutputs(block, op, reporter)
      if (def !== undefined && namesFine && slotsFine && attrsFine && outputsFine)
        this.#checkInference(def, op, block, source, reporter)
      for (const slot in op.outputs) for (const name of op.outputs[slot]!) writers.set(name, op)
      if (def !== undefined && index !== lastForward && index !== block.ops.length - 1)
        this.#warnUnread(block, op, def, reporter)
    })
    this.#running.pop()
  }

  #reportUnknown(op: Operator, reporter: Reporter): void {
    if (!this.#typeHints.has(op.type)) {
      this.#typeHints.set(op.type, suggest(op.type, Object.keys(this.#program.library)))
    }
    const hint = this.#typeHints.get(op.type)
    reporter.error('E401', 'Unimplemented', `operator "${op.type}" is not implemented`, {
      got: op.type,
      hint,
    })
  }

  /** Every input declared, and written or fed or kept from before. */
  #checkInputs(block: Block, op: Operator, reporter: Reporter): boolean {
    let fine = true
    for (const slot in op.inputs) {
      for (const name of op.inputs[slot]!) {
        if (name === EMPTY_VAR) continue
        const variable = resolveVar(block, name)
        if (variable === undefined) {
          this.#reportUndeclared(block, slot, name, reporter)
          fine = false
        } else if (!this.#hasValue(variable)) this.#reportUnwritten(slot, variable, reporter)
      }
    }
    return fine
  }

  /** Of the kinds that are no plain tensors, arrays start empty and the others are made by the executor. */
  #hasValue(variable: Variable): boolean {
    if (variable.persistable || variable.needCheckFeed || this.#written.has(variable)) return true
    return variable.type !== 'LOD_TENSOR' && variable.type !== 'SELECTED_ROWS'
  }

  #reportUnwritten(slot: string, variable: Variable, reporter: Reporter): void {
    // Once is enough: from here on it counts as written.
    this.#written.add(variable)
    const first = usesOf(this.#uses, variable).writers[0]
    const later =
      first === undefined
        ? 'no operator writes it'
        : `the first operator that writes it is ${first.index} of block ${first.block.idx}`
    reporter.error('E220', 'PreconditionNotMet', `"${variable.name}" is read before it has a value`, {
      where: { slot, variable: variable.name },
      expected: 'a variable that is fed, persistable or written before',
      got: later,
      hint: `${later}; if it is fed, set need_check_feed; if it is kept between runs, persistable`,
    })
  }

  #reportUndeclared(block: Block, slot: string, name: string, reporter: Reporter): void {
    const near = this.#hints++ < MOST_HINTS ? nearestNames(name, namesSeenFrom(block)) : []
    reporter.error('E207', 'NotFound', `block ${block.idx} has no variable "${name}"`, {
      where: { slot, variable: name },
      got: name,
      ...(near.length === 0 ? {} : { hint: `did you mean ${near.map((other) => `"${other}"`).join(' or ')}?` }),
    })
  }

  #checkSlots(def: AnyOpDef, op: Operator, reporter: Reporter): boolean {
    try {
      for (const { side, slot } of checkStoredSlots(this.#program, def, op)) {
        reporter.warning('W112', `${op.type} has no ${side} slot "${slot}": it is kept, but has no effect`, {
          where: { slot },
          got: slot,
        })
      }
      return true
    } catch (error) {
      reporter.caught(error)
      return false
    }
  }

  #checkAttrs(def: AnyOpDef | undefined, op: Operator, reporter: Reporter): boolean {
    let fine = true
    const wrong = (name: string, wanted: string, got: unknown): void => {
      fine = false
      const text = shortText(got)
      reporter.error('E201', 'InvalidArgument', `${op.type}: attr ${name} must be ${wanted}, got ${text}`, {
        expected: wanted,
        got: text,
      })
    }
    for (const name in op.attrs) {
      const declared = def !== undefined && Object.hasOwn(def.attrs, name) ? (def.attrs[name] as Attr) : undefined
      const type = declared === undefined ? attrTypeOf(op, def, name) : undefined
      const parse = declared?.parse ?? (type === undefined ? undefined : PARSERS[type as keyof typeof PARSERS])
      if (parse !== undefined) {
        const parsed = parse(op.attrs[name])
        if ('wanted' in parsed) wrong(name, parsed.wanted, op.attrs[name])
      }
      if (def !== undefined && declared === undefined && !Object.hasOwn(GENERIC_ATTRS, name) && !isBackendHint(name)) {
        const hint = suggest(name, Object.keys(def.attrs))
        reporter.warning('W111', `${op.type} has no attribute "${name}": it is kept, but has no effect`, {
          got: name,
          hint,
        })
      }
    }
    if (def === undefined) return fine
    try {
      refuseFused(op.type, op.attrs)
    } catch (error) {
      fine = false
      reporter.caught(error)
    }
    for (const name in def.attrs) {
      if (def.attrs[name]!.required !== true || Object.hasOwn(op.attrs, name)) continue
      fine = false
      reporter.error('E201', 'InvalidArgument', `${op.type}: attr ${name} must be given`, {
        expected: def.attrs[name]!.type,
      })
    }
    return fine
  }

  /** Follows an operator into the blocks that it runs, where what they write is written for the operators behind it. */
  #runBlocks(
    block: Block,
    op: Operator,
    def: AnyOpDef | undefined,
    writers: Map<string, Operator>,
    reporter: Reporter,
  ): void {
    for (const { attr, idx } of blockAttrs(op, def)) {
      const inner = this.#program.blocks[idx]
      const running = this.#running.indexOf(idx)
      if (inner === undefined) {
        const last = this.#program.blocks.length - 1
        reporter.error(
          'E221',
          'OutOfRange',
          `${op.type}: attr ${attr} names block ${idx}, but the program has no such block`,
          {
            expected: last === 0 ? 'there is only block 0' : `1 to ${last}`,
            got: idx,
          },
        )
      } else if (running >= 0) {
        const chain = [...this.#running.slice(running), idx].join(' → ')
        reporter.error(
          'E221',
          'InvalidArgument',
          idx === block.idx
            ? `${op.type}: attr ${attr} names block ${idx}, the operator's own`
            : `${op.type}: attr ${attr} names block ${idx}, which the operator itself is run by (${chain})`,
          { expected: 'a block that does not run the operator', got: idx },
        )
      } else if (!this.#visited.has(idx)) {
        this.#visit(inner)
        // A loop may write a name before the block reads it again, so nothing is constant any more that is written inside.
        for (const innerOp of inner.ops)
          for (const slot in innerOp.outputs) for (const name of innerOp.outputs[slot]!) writers.delete(name)
      }
    }
  }

  /** Outputs declared, each once; from here on they are written. */
  #checkOutputs(block: Block, op: Operator, reporter: Reporter): boolean {
    let fine = true
    const slotOf = new Map<string, string>()
    for (const slot in op.outputs) {
      for (const name of op.outputs[slot]!) {
        if (name === EMPTY_VAR) continue
        const earlier = slotOf.get(name)
        if (earlier !== undefined) {
          reporter.error('E223', 'InvalidArgument', `${op.type} writes "${name}" twice, as ${earlier} and as ${slot}`, {
            where: { slot, variable: name },
            expected: 'outputs of different names',
            got: name,
          })
        }
        slotOf.set(name, slot)
        const variable = resolveVar(block, name)
        if (variable === undefined) {
          this.#reportUndeclared(block, slot, name, reporter)
          fine = false
        } else this.#written.add(variable)
      }
    }
    return fine
  }

  #checkInference(def: AnyOpDef, op: Operator, block: Block, source: MetaSource, reporter: Reporter): void {
    for (const slot in def.inputs) {
      if (def.inputs[slot]!.arity !== 'one') continue
      const name = op.inputs[slot]?.[0]
      // Of scopes, feed lists and their like nothing can be inferred.
      if (name !== undefined && name !== EMPTY_VAR && source.meta(name) === undefined) return
    }
    let inferred: InferredMetas
    try {
      inferred = inferOperator(def, op, op.filledAttrs(def), source)
    } catch (error) {
      reporter.caught(error)
      return
    }
    for (const slot in op.outputs) {
      op.outputs[slot]!.forEach((name, i) => {
        const meta = inferred[slot]?.[i]
        const variable = name === EMPTY_VAR || meta === undefined ? undefined : resolveVar(block, name)
        if (variable === undefined || knownMeta(variable) === undefined) return
        this.#compareMeta(op, slot, variable, meta!, reporter)
      })
    }
  }

  #compareMeta(op: Operator, slot: string, variable: Variable, meta: Meta, reporter: Reporter): void {
    const where = { slot, variable: variable.name }
    if (variable.dtype !== meta.dtype) {
      reporter.error(
        'E222',
        'InvalidArgument',
        `${op.type} makes ${slot} ${meta.dtype}, but "${variable.name}" is ${variable.dtype}`,
        {
          where,
          expected: meta.dtype,
          got: variable.dtype,
        },
      )
    } else if (variable.type !== 'LOD_TENSOR_ARRAY' && !agree(variable.shape, meta.shape)) {
      const made = formatShape(meta.shape)
      const message = `${op.type} makes ${slot} of shape ${made}, but "${variable.name}" has ${formatShape(variable.shape)}`
      reporter.error('E222', 'InvalidArgument', message, { where, expected: meta.shape, got: variable.shape })
    }
  }

  /** W110 for an operator of which nothing is used at all; single unused outputs are usual. */
  #warnUnread(block: Block, op: Operator, def: AnyOpDef, reporter: Reporter): void {
    if (op.isTarget || op.role & OpRole.Loss || def.effects === 'state' || def.effects === 'io') return
    if (blockAttrs(op, def).length > 0) return
    let first: { slot: string; name: string } | undefined
    let oneElement = true
    for (const slot in op.outputs) {
      for (const name of op.outputs[slot]!) {
        const variable = name === EMPTY_VAR ? undefined : resolveVar(block, name)
        if (variable === undefined) continue
        // Gradients are what users fetch; so are results of one element, such as an accuracy.
        if (
          variable.persistable ||
          variable.needCheckFeed ||
          name.includes(GRAD_SUFFIX) ||
          !isTensorKind(variable.type)
        )
          return
        for (const { op: reader } of usesOf(this.#uses, variable).readers) if (reader !== op) return
        if (!variable.shape.every((dim) => dim === 1)) oneElement = false
        first ??= { slot, name }
      }
    }
    if (first === undefined || (oneElement && op.inputNames().length > 0)) return
    reporter.warning('W110', `variable "${first.name}" is written, never read`, {
      where: { slot: first.slot, variable: first.name },
      got: first.name,
    })
  }
}

/** What the program declares of a variable; undefined for kinds without a shape and where the file had no description of a tensor. */
function knownMeta(variable: Variable): Meta | undefined {
  if (!isTensorKind(variable.type) || variable.extra?.['x_no_tensor_desc'] === true) return undefined
  return variable.meta
}

/** Shapes that may be the same; before 2.5 Paddle had no 0-D tensors, and one element had shape [1]. */
const agree = (a: Shape, b: Shape): boolean =>
  compatibleShapes(a, b) || (a.length + b.length === 1 && [...a, ...b].every((dim) => dim === 1 || dim < 0))

function* namesSeenFrom(block: Block): Generator<string> {
  for (let outer: Block | undefined = block; outer !== undefined; outer = outer.parent) yield* outer.vars.keys()
}
