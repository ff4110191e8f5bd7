/**
 * Cutting programs down: to the operators that some variables need, or to the forward part.
 * Source: paddle/fluid/framework/prune.cc and Program._inference_optimize (2.6.2).
 */
import { isGradName } from './autodiff/names.ts'
import type { Block } from './block.ts'
import { OpRole } from './op_role.ts'
import { Operator } from './operator.ts'
import type { Program } from './program.ts'

/** Takes out, in place, the operators of backward, optimizer and learning-rate schedule. Does nothing to a program without a loss gradient. */
export function pruneBackward(program: Program): void {
  const lossGradient = OpRole.Backward | OpRole.Loss
  const hasBackward = program.blocks.some((block) => block.ops.some((op) => (op.role & lossGradient) === lossGradient))
  if (!hasBackward) return
  const dropped = OpRole.Optimize | OpRole.Backward | OpRole.LRSched
  for (const block of program.blocks) {
    block.replaceOps(block.ops.filter((op) => (op.role & dropped) === 0 && !isErrorClip(op)))
  }
  const reached = reachedBlocks(program)
  keepReferencedVars(program.blocks.filter((block) => reached.has(block.idx)))
  renumberBlocks(program, reached)
}

/** The clipping of a gradient where it is made has no role. Paddle keeps it, and then cannot run the test program. */
const isErrorClip = (op: Operator): boolean =>
  op.role === OpRole.NotSpecified && op.type === 'clip' && op.outputNames().every(isGradName)

/** Sets `is_test` of every operator whose definition has it (or which carries it) and takes off outputs that only training fills, in place. */
export function inferenceOptimize(program: Program): void {
  for (const block of program.blocks) {
    for (const op of block.ops) {
      const declared = program.definition(op.type)?.attrs
      if ((declared !== undefined && Object.hasOwn(declared, 'is_test')) || Object.hasOwn(op.attrs, 'is_test')) {
        block.setAttr(op, 'is_test', true)
      }
    }
    if (block.ops.some((op) => droppedInTest(program, op).length > 0)) {
      block.replaceOps(block.ops.map((op) => withoutOutputs(op, droppedInTest(program, op))))
    }
  }
}

function droppedInTest(program: Program, op: Operator): readonly string[] {
  const slots = program.definition(op.type)?.dropInTest ?? []
  return slots.filter((slot) => Object.hasOwn(op.outputs, slot))
}

function withoutOutputs(op: Operator, dropped: readonly string[]): Operator {
  if (dropped.length === 0) return op
  const outputs = Object.fromEntries(Object.entries(op.outputs).filter(([slot]) => !dropped.includes(slot)))
  return new Operator({ ...op.parts(), outputs }, op.id)
}

/**
 * A copy with only the operators that `targets` need, computed from `feeds`: walking backwards, an operator stays if it writes a needed
 * variable and is not an optimizer's; what it reads is needed then, except for fed variables.
 */
export function prune(program: Program, targets: readonly string[], feeds: readonly string[] = []): Program {
  const copy = program.clone()
  const fed = new Set(feeds)
  const needed = new Set(targets)
  const kept: Operator[] = []
  const { ops } = copy.globalBlock()
  for (let i = ops.length - 1; i >= 0; i--) {
    const op = ops[i]!
    const wanted =
      op.isTarget ||
      ((op.role & OpRole.Optimize) === 0 && op.outputNames().some((name) => needed.has(name) && !fed.has(name)))
    if (!wanted) continue
    for (const name of op.inputNames()) if (!fed.has(name)) needed.add(name)
    if (op.subBlock !== undefined) addReadNames(copy, op.subBlock, needed, fed)
    kept.push(op)
  }
  copy.globalBlock().replaceOps(kept.reverse())
  const reached = reachedBlocks(copy)
  keepReferencedVars(
    copy.blocks.filter((block) => reached.has(block.idx)),
    new Set([...targets, ...feeds]),
  )
  renumberBlocks(copy, reached)
  return copy
}

function addReadNames(program: Program, idx: number, needed: Set<string>, fed: ReadonlySet<string>): void {
  for (const op of program.blocks[idx]!.ops) {
    for (const name of op.inputNames()) if (!fed.has(name)) needed.add(name)
    if (op.subBlock !== undefined) addReadNames(program, op.subBlock, needed, fed)
  }
}

/** Block 0 and every block that an operator of a reached block runs. */
function reachedBlocks(program: Program): Set<number> {
  const reached = new Set([0])
  const open = [program.globalBlock()]
  for (let block = open.pop(); block !== undefined; block = open.pop()) {
    for (const op of block.ops) {
      const idx = op.subBlock
      if (idx === undefined || reached.has(idx) || program.blocks[idx] === undefined) continue
      reached.add(idx)
      open.push(program.blocks[idx]!)
    }
  }
  return reached
}

/** Takes out variables that no operator of the block, or of a block below it, names. */
function keepReferencedVars(blocks: readonly Block[], always: ReadonlySet<string> = new Set()): void {
  const named = new Set(always)
  for (const block of blocks) {
    for (const op of block.ops) {
      for (const name of op.inputNames()) named.add(name)
      for (const name of op.outputNames()) named.add(name)
    }
  }
  for (const block of blocks) {
    for (const name of [...block.vars.keys()]) if (!named.has(name)) block.removeVar(name)
  }
}

/** Closes the gaps in the block numbers that unreached blocks leave, in `sub_block` attributes too. */
function renumberBlocks(program: Program, reached: ReadonlySet<number>): void {
  if (reached.size === program.blocks.length) return
  const order = [...reached].sort((a, b) => a - b)
  const renumbered = new Map(order.map((idx, position) => [idx, position]))
  const blocks = order.map((idx) => {
    const block = program.blocks[idx]!
    const moved = program.emptyBlock(
      renumbered.get(idx)!,
      block.parentIdx < 0 ? -1 : (renumbered.get(block.parentIdx) ?? 0),
      block.forwardBlockIdx < 0 ? -1 : (renumbered.get(block.forwardBlockIdx) ?? -1),
    )
    moved.adopt(block)
    return moved
  })
  for (const block of blocks) {
    for (const op of block.ops) {
      const idx = op.subBlock
      if (idx !== undefined) block.setAttr(op, 'sub_block', renumbered.get(idx) ?? 0)
    }
  }
  program.replaceBlocks(blocks)
}
