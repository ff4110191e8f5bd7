/** Makes one operator of a convolution, its bias and an activation. */
import { biasedConvAt, fuseConv, isActivation } from './conv_sums.ts'
import type { Pass } from './pass.ts'
import { Rewriter } from './rewriter.ts'

/**
 * act(conv2d(x, W) + b) becomes fused_conv2d_add_act, where nobody else reads what is between and b is kept, one number for each filter.
 * depthwise_conv2d too, which Paddle's pass leaves: the operator has groups.
 * Source: paddle/fluid/framework/ir/conv_elementwise_add_act_fuse_pass.cc (2.6.2).
 */
export const convElementwiseAddActFuse: Pass = {
  name: 'conv_elementwise_add_act_fuse',
  doc: 'Makes one fused_conv2d_add_act of a convolution, the sum with its bias, and relu, sigmoid, tanh, swish or leaky_relu.',
  changesBits: false,
  run(program, context) {
    const rewriter = new Rewriter(program, context)
    for (const activation of rewriter.ops) {
      if (!isActivation(activation, rewriter)) continue
      const biased = biasedConvAt(rewriter.producerFor(activation.inputs['X']![0]!), rewriter)
      if (biased !== undefined) fuseConv(biased, { activation }, rewriter)
    }
    return rewriter.finish()
  },
}
