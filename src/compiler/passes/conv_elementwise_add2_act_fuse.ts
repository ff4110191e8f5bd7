/** Makes one operator of a convolution, its bias, a residual and an activation. */
import type { Operator } from '../../framework/operator.ts'
import { type Shape, sameShape } from '../../tensor/shape.ts'
import { biasedConvAt, fuseConv, isActivation } from './conv_sums.ts'
import { genericShapes } from './generic_shapes.ts'
import type { Pass } from './pass.ts'
import { Rewriter } from './rewriter.ts'
import { sumsAt } from './sums.ts'

/**
 * act(r + (conv2d(x, W) + b)) becomes fused_conv2d_add_act with ResidualData r, where nobody else reads what is between, b is kept, one number
 * for each filter, and r has the shape of the convolution's result in every run. Without an activation too, and with r on either side; where
 * both sides are convolutions, the one in Y takes the other in.
 * Source: paddle/fluid/framework/ir/conv_elementwise_add2_act_fuse_pass.cc (2.6.2), which wants relu, and the convolution in Y.
 */
export const convElementwiseAdd2ActFuse: Pass = {
  name: 'conv_elementwise_add2_act_fuse',
  doc: 'Makes one fused_conv2d_add_act of a convolution, the sums with its bias and with a residual of its shape, and an activation if one follows.',
  changesBits: false,
  run(program, context) {
    const rewriter = new Rewriter(program, context)
    let shapes: ReadonlyMap<string, Shape> | undefined
    const fuse = (add: Operator | undefined, activation: Operator | undefined): void => {
      for (const sum of sumsAt(add, rewriter)) {
        const biased = biasedConvAt(sum.before, rewriter)
        if (biased === undefined) continue
        shapes ??= genericShapes(program)
        const own = shapes.get(biased.conv.outputs['Output']![0]!)
        const other = shapes.get(sum.added)
        if (own === undefined || other === undefined || !sameShape(own, other)) continue
        const rest = { residual: sum, ...(activation === undefined ? {} : { activation }) }
        if (fuseConv(biased, rest, rewriter)) return
      }
    }
    for (const op of rewriter.ops) {
      if (isActivation(op, rewriter)) fuse(rewriter.producerFor(op.inputs['X']![0]!), op)
    }
    for (const op of rewriter.ops) if (rewriter.isThere(op)) fuse(op, undefined)
    return rewriter.finish()
  },
}
