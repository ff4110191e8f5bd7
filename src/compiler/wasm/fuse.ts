/**
 * Joins what neighbouring operators became: a loop into the loop before it, or into the end of the kernel that made its input, so that values
 * go from one to the next in registers. Every element still sees the same operations, each rounded to float32, so no bit changes.
 */
import type { CompileOptions, PlannedTensor } from '../../executor/backend.ts'
import { numel, sameShape } from '../../tensor/shape.ts'
import { type Formula, operandsOf, read, substitute } from './expression.ts'
import { type Kernel, type Loop, type Operand, type Piece, type Statement, Temporary } from './ir.ts'
import { fullStrides, isVectorizable, loopKernel } from './loop.ts'

/** A loop, or a kernel with the loop at its end. */
interface Stage {
  kernel?: Kernel
  loop?: Loop
}

/** Neighbouring operators whose stages run one after another, and whose tensors live at the same time. */
export interface Group {
  readonly first: number
  last: number
  /** Undefined for an operator that was not lowered. */
  readonly stages: Stage[] | undefined
}

/** Beyond this a loop has more streams than a processor follows well, and more live vectors than registers. */
const MAX_STREAMS = 12

type MemoryOf = CompileOptions['memoryOf']

export function fuse(pieces: readonly (readonly Piece[] | undefined)[], { memoryOf }: CompileOptions): Group[] {
  const groups: Group[] = []
  pieces.forEach((list, op) => {
    if (list === undefined || !list.every((piece) => isSound(piece, memoryOf))) {
      groups.push({ first: op, last: op, stages: undefined })
      return
    }
    const stages = appendAll([], list, memoryOf)
    const previous = groups[groups.length - 1]
    if (previous?.stages !== undefined && joinGroup(previous.stages, stages, memoryOf)) previous.last = op
    else groups.push({ first: op, last: op, stages })
  })
  return groups
}

/** Puts the stages of an operator into the group before it, if the last of them is a loop that joins the group's last stage. */
function joinGroup(stages: Stage[], added: readonly Stage[], memoryOf: MemoryOf): boolean {
  if (added.length === 0) return true
  const { kernel, loop: last } = added[added.length - 1]!
  const stage = stages[stages.length - 1]
  if (kernel !== undefined || last === undefined || stage === undefined) return false
  const before = added.slice(0, -1)
  // What prepares the loop runs before the stage that the loop joins, so it must not depend on that stage.
  if (before.some((other) => other.loop !== undefined || !areIndependent(other.kernel!, stage, memoryOf))) return false
  const joined = joinStage(stage, last, memoryOf)
  if (joined === undefined) return false
  stages.pop()
  stages.push(...before, joined)
  return true
}

function appendAll(stages: Stage[], pieces: readonly Piece[], memoryOf: MemoryOf): Stage[] {
  for (const piece of pieces) {
    const stage = stages[stages.length - 1]
    const joined = piece.kind === 'loop' && stage !== undefined ? joinStage(stage, piece, memoryOf) : undefined
    if (joined !== undefined) stages[stages.length - 1] = joined
    else stages.push(piece.kind === 'loop' ? { loop: piece } : { kernel: piece })
  }
  return stages
}

function joinStage({ kernel, loop }: Stage, next: Loop, memoryOf: MemoryOf): Stage | undefined {
  if (kernel === undefined) {
    const joined = joinLoops(loop!, next, memoryOf, false)
    return joined === undefined ||
      !isVectorizable(joined.space, operandsOf(joined.statements.map(({ value }) => value)))
      ? undefined
      : { loop: joined }
  }
  const { epilogue } = kernel
  if (epilogue === undefined) return undefined
  const { result, space } = epilogue
  if (epilogue.anyType !== true && !isFloat32(next)) return undefined
  const present: Loop = loop ?? {
    kind: 'loop',
    space,
    statements: [{ target: result, value: read({ tensor: result, strides: fullStrides(space) }) }],
  }
  const joined = joinLoops(present, next, memoryOf, true)
  if (joined === undefined) return undefined
  const inputs = new Set(kernel.args.map((arg) => ('dtype' in arg ? memoryOf(arg) : arg)))
  // The kernel reads its inputs while the end of earlier rows is written.
  const clobbers = next.statements.some(
    ({ target }) => memoryOf(target) !== memoryOf(result) && inputs.has(memoryOf(target)),
  )
  const readable = operandsOf(joined.statements.map(({ value }) => value)).every((operand) => epilogue.accepts(operand))
  return clobbers || !readable ? undefined : { kernel, loop: joined }
}

/** One loop that does what `a` and then `b` does, or undefined where that is not possible. With `fixed` the space of `a` stays. */
function joinLoops(a: Loop, b: Loop, memoryOf: MemoryOf, fixed: boolean): Loop | undefined {
  let first = a
  let second = b
  if (!sameShape(a.space, b.space)) {
    if (numel(a.space) !== numel(b.space)) return undefined
    if (isFlat(b)) second = reshapeLoop(b, a)
    else if (!fixed && isFlat(a)) first = reshapeLoop(a, b)
    else return undefined
  }
  const full = fullStrides(first.space)
  const isFull = (operand: Operand): boolean => operand.strides.every((step, d) => step === full[d])
  const written = new Map<object, Statement>(
    first.statements.map((statement) => [memoryOf(statement.target), statement]),
  )
  const reads = operandsOf(second.statements.map(({ value }) => value))
  if (reads.some((operand) => written.has(memoryOf(operand.tensor)) && !isFull(operand))) return undefined
  const targets = new Set(second.statements.map(({ target }) => memoryOf(target)))
  const earlier = operandsOf(first.statements.map(({ value }) => value))
  if (earlier.some((operand) => targets.has(memoryOf(operand.tensor)) && !isFull(operand))) return undefined
  const statements: Statement[] = [
    // What the second loop writes anew need not be stored by the first.
    ...first.statements.filter(({ target }) => !targets.has(memoryOf(target))),
    ...second.statements.map(({ target, value }) => ({
      target,
      value: substitute(value, ({ tensor }): Formula | undefined => written.get(memoryOf(tensor))?.value),
    })),
  ]
  const stored = statements.filter(({ target }) => !(target instanceof Temporary))
  const streams = stored.length + operandsOf(statements.map(({ value }) => value)).length
  return streams > MAX_STREAMS ? undefined : { kind: 'loop', space: first.space, statements }
}

const isFloat32 = ({ statements }: Loop): boolean =>
  [
    ...statements.map(({ target }) => target),
    ...operandsOf(statements.map(({ value }) => value)).map((o) => o.tensor),
  ].every(({ dtype }) => dtype === 'float32')

/** True if every operand is read at the index that is written. */
function isFlat({ space, statements }: Loop): boolean {
  const full = fullStrides(space)
  return operandsOf(statements.map(({ value }) => value)).every(({ strides }) =>
    strides.every((step, d) => step === full[d]),
  )
}

function reshapeLoop(flat: Loop, { space }: Loop): Loop {
  const strides = fullStrides(space)
  return {
    ...flat,
    space,
    statements: flat.statements.map(({ target, value }) => ({
      target,
      value: substitute(value, ({ tensor }) => read({ tensor, strides })),
    })),
  }
}

function areIndependent(piece: Kernel, { kernel, loop }: Stage, memoryOf: MemoryOf): boolean {
  const memories = (tensors: readonly object[]): object[] =>
    tensors.filter((tensor) => 'dtype' in tensor).map((tensor) => memoryOf(tensor as PlannedTensor))
  const stageWrites = memories([...(kernel?.writes ?? []), ...(loop?.statements ?? []).map(({ target }) => target)])
  const stageReads = memories([
    ...(kernel?.args ?? []),
    ...operandsOf((loop?.statements ?? []).map(({ value }) => value)).map(({ tensor }) => tensor),
  ])
  const touched = new Set([...stageWrites, ...stageReads])
  const pieceWrites = new Set(memories(piece.writes))
  return (
    !memories(piece.args).some((memory) => stageWrites.includes(memory)) &&
    ![...pieceWrites].some((memory) => touched.has(memory))
  )
}

/** What is written must not be read elsewhere by the same piece: operators may name one variable as input and output. */
function isSound(piece: Piece, memoryOf: MemoryOf): boolean {
  if (piece.kind === 'kernel') {
    const writes = new Set(piece.writes.map(memoryOf))
    if (writes.size < piece.writes.length) return false
    const written = new Set<object>([...piece.writes, ...(piece.overwrites ?? [])])
    return !piece.args.some((arg) => 'dtype' in arg && !written.has(arg) && writes.has(memoryOf(arg)))
  }
  const full = fullStrides(piece.space)
  const targets = piece.statements.map(({ target }) => memoryOf(target))
  if (new Set(targets).size < targets.length) return false
  const operands = operandsOf(piece.statements.map(({ value }) => value))
  return (
    isVectorizable(piece.space, operands) &&
    operands.every(
      ({ tensor, strides }) => !targets.includes(memoryOf(tensor)) || strides.every((step, d) => step === full[d]),
    )
  )
}

/** The kernels of a group, and the tensors that need no memory because nobody reads them after it. */
export function kernelsOf(
  { stages, last }: Group,
  { isReadAfter, memoryOf }: CompileOptions,
): { readonly kernels: Kernel[]; readonly unstored: PlannedTensor[] } {
  const unstored: PlannedTensor[] = []
  const kernels: Kernel[] = []
  const list = stages ?? []
  const readsOf = ({ kernel, loop }: Stage): object[] => [
    ...(kernel?.args ?? []).map((arg) => ('dtype' in arg ? memoryOf(arg) : arg)),
    ...operandsOf((loop?.statements ?? []).map(({ value }) => value)).map(({ tensor }) => memoryOf(tensor)),
  ]
  list.forEach((stage, i) => {
    const { kernel, loop } = stage
    if (loop === undefined) {
      kernels.push(kernel!)
      return
    }
    const later = new Set(list.slice(i + 1).flatMap(readsOf))
    const isNeeded = ({ target }: Statement): boolean => isReadAfter(target, last) || later.has(memoryOf(target))
    const needed = loop.statements.filter(isNeeded)
    for (const statement of loop.statements) {
      const kept = kernel?.epilogue?.needsResult === true && statement.target === kernel.epilogue.result
      if (!isNeeded(statement) && !kept && !(statement.target instanceof Temporary)) unstored.push(statement.target)
    }
    // A copy onto itself happens where memory is shared by lifetime.
    const own = needed.filter(
      ({ target, value }) => value.operand === undefined || memoryOf(value.operand.tensor) !== memoryOf(target),
    )
    if (kernel !== undefined) {
      // The kernel's own result is read from registers, so storing it is no copy onto itself.
      kernels.push(kernel.epilogue!.attach(needed))
    } else if (own.length > 0) kernels.push(loopKernel({ ...loop, statements: own }))
  })
  return { kernels, unstored }
}
