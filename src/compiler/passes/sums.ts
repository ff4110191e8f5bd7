/** Sums in programs as the fusing passes look for them: what is added to the result of another operator, and how it lies over it. */
import type { Operator } from '../../framework/operator.ts'
import { ops } from '../../ops/index.ts'
import { type Broadcast, broadcast, type Shape } from '../../tensor/shape.ts'
import type { Rewriter } from './rewriter.ts'

/** An elementwise_add of the result of an operator that works for it alone. */
export interface Sum {
  readonly op: Operator
  /** The operator whose result is added to. */
  readonly before: Operator
  /** The other operand. */
  readonly added: string
  /** The shape of that operand over the dimensions of the sum. */
  readonly laid: Shape
}

/**
 * The sums that an elementwise_add can be seen as, the one that adds X to Y first: two where both operands are results that nobody else reads.
 */
export function sumsAt(op: Operator | undefined, rewriter: Rewriter): Sum[] {
  if (!rewriter.is(op, ops.elementwise_add) || rewriter.pureDef(op) === undefined) return []
  const { vars } = rewriter.program.globalBlock()
  const [x, y] = [op.inputs['X']![0]!, op.inputs['Y']![0]!]
  const [xVar, yVar] = [vars.get(x), vars.get(y)]
  if (xVar === undefined || yVar === undefined) return []
  const axis = op.filledAttrs(rewriter.program.definition(op.type)!)['axis'] as number
  const shapes = laid(xVar.shape, yVar.shape, axis)
  if (shapes === undefined) return []
  const sums: Sum[] = []
  for (const [name, added, laid] of [
    [y, x, shapes.x],
    [x, y, shapes.y],
  ] as const) {
    const before = rewriter.producerFor(name)
    if (before !== undefined && rewriter.pureDef(before) !== undefined) sums.push({ op, before, added, laid })
  }
  return sums
}

/** undefined for shapes that do not meet, as a program that is not sound has them. */
function laid(x: Shape, y: Shape, axis: number): Broadcast | undefined {
  try {
    return broadcast(ops.elementwise_add.type, x, y, axis)
  } catch {
    return undefined
  }
}

/** True for a vector that is the same at every index but along one dimension, of `size` there, and whose value is kept between runs. */
export function isKeptVector({ added, laid }: Sum, dim: number, size: number, rewriter: Rewriter): boolean {
  const variable = rewriter.program.globalBlock().vars.get(added)
  return variable?.persistable === true && laid.every((length, d) => length === (d === dim ? size : 1))
}

/** True if every variable holds float32, or every one float64: halves are rounded after each operator, which one operator would not do. */
export function isExact(names: readonly string[], rewriter: Rewriter): boolean {
  const { vars } = rewriter.program.globalBlock()
  const dtypes = new Set(names.map((name) => vars.get(name)?.dtype))
  return dtypes.size === 1 && (dtypes.has('float32') || dtypes.has('float64'))
}
