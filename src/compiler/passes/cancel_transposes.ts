/** Takes out transpositions that undo each other. */
import { EMPTY_VAR } from '../../framework/op_def.ts'
import type { Operator } from '../../framework/operator.ts'
import { ops } from '../../ops/index.ts'
import type { Pass } from './pass.ts'
import { Rewriter } from './rewriter.ts'

/**
 * transpose2(transpose2(x, p), q) is transpose2(x, r) with r[i] = p[q[i]], and x itself if r changes nothing. An operator whose XShape is read
 * stays, because its gradient goes back to the shape that XShape tells.
 */
export const cancelTransposes: Pass = {
  name: 'cancel_transposes',
  doc: 'Makes one transpose of two in a row, and none where the dimensions are in their old order again.',
  changesBits: false,
  run(program, context) {
    const rewriter = new Rewriter(program, context)
    /** By output: what it is a transposition of, and how. */
    const origins = new Map<string, { readonly x: string; readonly order: readonly number[] }>()
    for (const op of rewriter.ops) {
      if (!rewriter.is(op, ops.transpose2)) continue
      const out = op.outputs['Out']![0]!
      const given = rewriter.nameOf(op.inputs['X']![0]!)
      const axis = op.attrs['axis'] as readonly number[]
      const own = axis.map((dim) => (dim < 0 ? dim + axis.length : dim))
      if (!rewriter.isStable(given)) continue
      const origin = origins.get(given)
      const x = origin?.x ?? given
      const order = origin === undefined ? own : own.map((dim) => origin.order[dim]!)
      const last = rewriter.producer(given)
      if (order.every((dim, i) => dim === i) && rewriter.isFree(out)) {
        rewriter.replaceUses(out, x)
        rewriter.removeIfUnused(op)
      } else if (origin !== undefined && canMove(op, rewriter)) {
        const outputs = { Out: [out], ...newShape(op, x, rewriter) }
        const attrs = { ...declared(op.attrs), axis: order }
        rewriter.replace(op, rewriter.operator({ def: ops.transpose2, inputs: { X: [x] }, outputs, attrs }, op))
      } else {
        if (rewriter.isStable(out)) origins.set(out, { x, order })
        continue
      }
      if (rewriter.isStable(out)) origins.set(out, { x, order })
      rewriter.removeIfUnused(last)
    }
    return rewriter.finish()
  },
}

/** False while somebody reads what the operator says about the shape of its input. */
function canMove(op: Operator, rewriter: Rewriter): boolean {
  const shape = op.outputs['XShape']?.[0]
  return shape === undefined || shape === EMPTY_VAR || (rewriter.isFree(shape) && rewriter.readers(shape) === 0)
}

/** A variable for the shape of the new input, where the operator has one. */
function newShape(op: Operator, x: string, rewriter: Rewriter): { XShape?: string[] } {
  const old = op.outputs['XShape']?.[0]
  if (old === undefined || old === EMPTY_VAR) return {}
  const name = rewriter.freshName(old)
  const { vars } = rewriter.program.globalBlock()
  rewriter.addVariable({ ...vars.get(old)!, name, shape: [0, ...vars.get(x)!.shape] })
  return { XShape: [name] }
}

const declared = (attrs: Operator['attrs']): Record<string, unknown> =>
  Object.fromEntries(Object.entries(attrs).filter(([name]) => Object.hasOwn(ops.transpose2.attrs, name)))
