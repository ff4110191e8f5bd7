/** Makes one operator of a convolution and its bias. */
import { biasedConvAt, fuseConv } from './conv_sums.ts'
import type { Pass } from './pass.ts'
import { Rewriter } from './rewriter.ts'

/**
 * conv2d(x, W) + b becomes fused_conv2d_add_act without an activation: for convolutions that the passes before it left, because something
 * else follows. Source: paddle/fluid/framework/ir/conv_elementwise_add_fuse_pass.cc (2.6.2).
 */
export const convElementwiseAddFuse: Pass = {
  name: 'conv_elementwise_add_fuse',
  doc: 'Makes one fused_conv2d_add_act of a convolution and the sum with its bias.',
  changesBits: false,
  run(program, context) {
    const rewriter = new Rewriter(program, context)
    for (const op of rewriter.ops) {
      const biased = biasedConvAt(op, rewriter)
      if (biased !== undefined) fuseConv(biased, {}, rewriter)
    }
    return rewriter.finish()
  },
}
