/** Makes one `fc` of a matrix product, its bias and perhaps relu. */
import type { Operator } from '../../framework/operator.ts'
import { ops } from '../../ops/index.ts'
import type { Pass } from './pass.ts'
import { Rewriter } from './rewriter.ts'
import { isExact, isKeptVector, type Sum, sumsAt } from './sums.ts'

/**
 * relu(X W + b) becomes fc for a weight matrix and a bias of its columns that are both kept, where nobody else reads what is between; without
 * relu too. Of matmul_v2 only the product of all rows with one matrix, neither of them turned, which Paddle makes a mul of first.
 * Source: paddle/fluid/framework/ir/fc_fuse_pass.cc (2.6.2), but for the weights, which Paddle also pads where both sizes are multiples of 128.
 */
export const fcFuse: Pass = {
  name: 'fc_fuse',
  doc: 'Makes one fc of mul or matmul_v2 with a kept weight matrix, elementwise_add of a bias, and relu if it follows.',
  changesBits: false,
  run(program, context) {
    const rewriter = new Rewriter(program, context)
    if (!rewriter.knows(ops.fc)) return program
    for (const op of rewriter.ops) {
      if (rewriter.is(op, ops.relu) && rewriter.pureDef(op) !== undefined)
        fuse(rewriter.producerFor(op.inputs['X']![0]!), op, rewriter)
    }
    for (const op of rewriter.ops) if (rewriter.isThere(op)) fuse(op, undefined, rewriter)
    return rewriter.finish()
  },
}

function fuse(add: Operator | undefined, relu: Operator | undefined, rewriter: Rewriter): void {
  for (const sum of sumsAt(add, rewriter)) {
    const product = productOf(sum.before, rewriter)
    if (product === undefined) continue
    const { input, weight, columns, in_num_col_dims } = product
    const last = relu ?? sum.op
    const biasShape = rewriter.program.globalBlock().vars.get(sum.added)!.shape
    const isRow = biasShape.length === 1 || (biasShape.length === 2 && biasShape[0] === 1)
    if (!isRow || !isKeptVector(sum, in_num_col_dims, columns, rewriter)) continue
    const reads = [input, weight, sum.added]
    if (!reads.every((name) => rewriter.isSettled(name)) || !isExact([...reads, ...last.outputs['Out']!], rewriter))
      continue
    const attrs = { in_num_col_dims, activation_type: relu === undefined ? '' : 'relu' }
    const inputs = { Input: [input], W: [weight], Bias: [sum.added] }
    const fc = rewriter.operator({ def: ops.fc, inputs, outputs: { Out: last.outputs['Out']! }, attrs }, last)
    for (const op of new Set([sum.before, sum.op])) if (op !== last) rewriter.replace(op)
    rewriter.replace(last, fc)
    return
  }
}

interface Product {
  readonly input: string
  readonly weight: string
  readonly columns: number
  readonly in_num_col_dims: number
}

/** A product of all rows of an input with a matrix that is kept. */
function productOf(op: Sum['before'], rewriter: Rewriter): Product | undefined {
  const isMul = rewriter.is(op, ops.mul)
  if (!isMul && !rewriter.is(op, ops.matmul_v2)) return undefined
  const { vars } = rewriter.program.globalBlock()
  const [input, weight] = [op.inputs['X']![0]!, op.inputs['Y']![0]!]
  const attrs = op.filledAttrs(rewriter.program.definition(op.type)!)
  const [x, y] = [vars.get(input), vars.get(weight)]
  if (x === undefined || y?.persistable !== true || y.shape.length !== 2) return undefined
  if (isMul ? attrs['y_num_col_dims'] !== 1 : attrs['trans_x'] === true || attrs['trans_y'] === true) return undefined
  const in_num_col_dims = isMul ? (attrs['x_num_col_dims'] as number) : x.shape.length - 1
  return in_num_col_dims < 1 ? undefined : { input, weight, columns: y.shape[1]!, in_num_col_dims }
}
