/**
 * Takes out gradient operators that lead nowhere and puts zeros where a gradient is read that nobody produces.
 * Source: python/paddle/base/backward.py, _remove_no_grad_branch_ and _find_not_need_ops (2.6.2).
 */

import { OP_ROLE, OpRole } from '../op_role.ts'
import type { Operator } from '../operator.ts'
import { type GradOp, inputNames, outputNames } from './grad_op.ts'
import { isGradName, stripGradSuffix } from './names.ts'

/**
 * Drops operators whose results nobody wants or that only read unwanted gradients, then puts a `fill_any_like` of zero in front of an
 * operator that reads an unwanted gradient beside wanted ones.
 * @param noGrad gradient names that nobody wants; grows. @param targetGrads gradients of the targets, which stay wanted.
 */
export function removeNoGradBranch(
  ops: readonly GradOp[],
  noGrad: Set<string>,
  targetGrads: ReadonlySet<string>,
): GradOp[] {
  const kept = ops.filter((op) => {
    const outputs = outputNames(op)
    if (outputs.every((name) => noGrad.has(name))) return false
    const gradInputs = inputNames(op).filter(isGradName)
    if (gradInputs.length > 0 && gradInputs.every((name) => noGrad.has(name))) {
      for (const name of outputs) if (!targetGrads.has(name)) noGrad.add(name)
      return false
    }
    return true
  })
  const result: GradOp[] = []
  for (const op of kept) {
    for (const name of inputNames(op)) {
      if (!isGradName(name) || !noGrad.has(name)) continue
      result.push({
        type: 'fill_any_like',
        inputs: { X: [stripGradSuffix(name)] },
        outputs: { Out: [name] },
        attrs: { value: 0, dtype: -1, [OP_ROLE]: OpRole.Backward },
      })
    }
    result.push(op)
  }
  return result
}

/**
 * Drops parts of the list that hang on nothing: an operator none of whose inputs is known heads a part, which goes with all its consumers
 * if these read nothing else. If all would go, nothing does. Linear: an operator is looked at once for each part that reaches it, and a
 * part that fails is left at its first foreign input.
 */
export function removeDisconnected(
  ops: readonly GradOp[],
  path: readonly Operator[],
  started: ReadonlySet<string> | undefined,
): GradOp[] {
  const known = new Set<string>(started)
  for (const op of path) {
    for (const name of op.inputNames()) known.add(name)
    for (const name of op.outputNames()) known.add(name)
  }
  /** The operator that produced the version of each input, undefined for known names. */
  const producers: (GradOp | undefined)[][] = []
  const consumers = new Map<GradOp, number[]>()
  const current = new Map<string, GradOp>()
  const heads: GradOp[] = []
  ops.forEach((op, i) => {
    const inputs = inputNames(op)
    const from = inputs.map((name) => current.get(name))
    producers.push(from)
    if (from.every((producer, k) => producer === undefined && !known.has(inputs[k]!))) heads.push(op)
    for (const producer of from) {
      if (producer === undefined) continue
      const list = consumers.get(producer)
      if (list === undefined) consumers.set(producer, [i])
      else list.push(i)
    }
    for (const name of outputNames(op)) current.set(name, op)
  })
  const dropped = new Set<GradOp>()
  for (const head of heads) {
    const part = new Set([head])
    const open = [head]
    let whole = true
    for (let op = open.pop(); op !== undefined && whole; op = open.pop()) {
      for (const i of consumers.get(op) ?? []) {
        const consumer = ops[i]!
        if (part.has(consumer)) continue
        if (!producers[i]!.every((producer) => producer !== undefined && part.has(producer))) {
          whole = false
          break
        }
        part.add(consumer)
        open.push(consumer)
      }
    }
    if (whole) for (const op of part) dropped.add(op)
  }
  return dropped.size === 0 || dropped.size === ops.length ? [...ops] : ops.filter((op) => !dropped.has(op))
}
