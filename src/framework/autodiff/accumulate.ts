/**
 * Where a gradient has several producers, each gets a name of its own and `sum` adds them up before the first reader. The order of the
 * terms is the order of production; float results depend on it. Dygraph's tape uses the same order.
 * Source: python/paddle/base/backward.py, _addup_repetitive_outputs_ (2.6.2).
 */
import { EMPTY_VAR } from '../op_def.ts'
import { OP_ROLE, OpRole } from '../op_role.ts'
import { type GradOp, inputNames, outputNames, renameInputs, renameOutputs } from './grad_op.ts'
import { isGradName } from './names.ts'

interface Pending {
  /** Names that hold partial gradients; a single one is the plain name. */
  names: string[]
  /** Position of the first producer. */
  start: number
  /** Number of the next partial name; never reset. */
  counter: number
}

/**
 * The operators with partial gradients renamed to `x@GRAD@RENAME@block<B>@<n>` and sums put in. Linear in the number of mentions of names.
 * @param blockIdx index of the forward block.
 */
export function addUpRepeatedOutputs(ops: readonly GradOp[], blockIdx: number): GradOp[] {
  const pending = new Map<string, Pending>()
  /** Operators that mention a gradient name so far, with their positions; sums stand at the position before which they go. */
  const mentions = new Map<string, { op: GradOp; index: number }[]>()
  const sumsBefore = new Map<number, GradOp[]>()

  const entry = (name: string): Pending => {
    let found = pending.get(name)
    if (found === undefined) pending.set(name, (found = { names: [], start: 0, counter: 0 }))
    return found
  }
  const mention = (name: string, op: GradOp, index: number): void => {
    const list = mentions.get(name)
    if (list === undefined) mentions.set(name, [{ op, index }])
    else list.push({ op, index })
  }
  const addSum = (name: string, state: Pending, index: number): void => {
    const op: GradOp = {
      type: 'sum',
      inputs: { X: state.names },
      outputs: { Out: [name] },
      attrs: { [OP_ROLE]: OpRole.Backward },
    }
    const list = sumsBefore.get(index)
    if (list === undefined) sumsBefore.set(index, [op])
    else list.push(op)
    for (const partial of state.names) mention(partial, op, index)
    mention(name, op, index)
    state.names = [name]
  }

  ops.forEach((op, index) => {
    const inputs = inputNames(op)
    for (const name of inputs) {
      if (!isGradName(name)) continue
      const state = entry(name)
      if (state.names.length > 1) addSum(name, state, index)
    }
    const read = new Set(inputs)
    for (const slot of Object.keys(op.outputs).sort()) {
      const names = op.outputs[slot]!
      for (let position = 0; position < names.length; position++) {
        const name = names[position]!
        if (!isGradName(name) || name === EMPTY_VAR || read.has(name)) continue
        const state = entry(name)
        if (state.names.length === 0) {
          state.names = [name]
          state.start = index
          continue
        }
        const partial = (): string => `${name}@RENAME@block${blockIdx}@${state.counter++}`
        if (state.names.length === 1) {
          const first = partial()
          const kept: { op: GradOp; index: number }[] = []
          for (const seen of mentions.get(name) ?? []) {
            if (seen.index < state.start && seen.op.type !== 'sum') {
              kept.push(seen)
              continue
            }
            renameInputs(seen.op, name, first)
            renameOutputs(seen.op, name, first)
            mention(first, seen.op, seen.index)
          }
          mentions.set(name, kept)
          // Earlier outputs of this very operator.
          for (const otherSlot of Object.keys(op.outputs).sort()) {
            const others = op.outputs[otherSlot]!
            const end = otherSlot === slot ? position : others.length
            for (let i = 0; i < end; i++) if (others[i] === name) others[i] = first
            if (otherSlot === slot) break
          }
          state.names = [first]
        }
        const next = partial()
        names[position] = next
        state.names.push(next)
      }
    }
    // Nothing above renames inputs of this operator, which no mention names yet.
    for (const name of outputNames(op)) read.add(name)
    for (const name of read) if (isGradName(name)) mention(name, op, index)
  })

  const end = ops.length
  for (const [name, state] of pending) if (state.names.length > 1) addSum(name, state, end)
  const result: GradOp[] = []
  ops.forEach((op, index) => {
    for (const sum of sumsBefore.get(index) ?? []) result.push(sum)
    result.push(op)
  })
  for (const sum of sumsBefore.get(end) ?? []) result.push(sum)
  return result
}
