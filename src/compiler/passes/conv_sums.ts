/** Convolutions with their bias, and the operator that is made of them: what the passes that fuse convolutions have in common. */
import type { Operator } from '../../framework/operator.ts'
import { ops } from '../../ops/index.ts'
import { CONV_ACTIVATIONS, type ConvActivation, channelDim } from '../../ops/nn/fused_conv_shape.ts'
import type { Rewriter } from './rewriter.ts'
import { isExact, isKeptVector, type Sum, sumsAt } from './sums.ts'

/**
 * What paddle/fluid/framework/ir/conv_elementwise_add_act_fuse_pass.cc (2.6.2) takes for one device or another; relu6 its kernels know, but
 * its passes do not ask for it.
 */
const ACTIVATIONS: readonly ConvActivation[] = CONV_ACTIVATIONS.filter((type) => type !== 'relu6')

/** An activation that a convolution can end in. */
export function isActivation(op: Operator, rewriter: Rewriter): boolean {
  const known = ACTIVATIONS.some((type) => rewriter.is(op, ops[type]))
  return known && rewriter.pureDef(op) !== undefined
}

/** conv2d or depthwise_conv2d, and the elementwise_add of one kept number for each of its filters. */
export interface BiasedConv {
  readonly conv: Operator
  readonly add: Operator
  readonly bias: string
}

export function biasedConvAt(add: Operator | undefined, rewriter: Rewriter): BiasedConv | undefined {
  if (!rewriter.knows(ops.fused_conv2d_add_act)) return undefined
  for (const sum of sumsAt(add, rewriter)) {
    const conv = sum.before
    if (!rewriter.is(conv, ops.conv2d) && !rewriter.is(conv, ops.depthwise_conv2d)) continue
    if (isBias(sum, rewriter)) return { conv, add: sum.op, bias: sum.added }
  }
  return undefined
}

function isBias(sum: Sum, rewriter: Rewriter): boolean {
  const { program } = rewriter
  const filter = program.globalBlock().vars.get(sum.before.inputs['Filter']![0]!)
  const attrs = sum.before.filledAttrs(program.definition(sum.before.type)!) as unknown as { data_format: string }
  return filter !== undefined && isKeptVector(sum, channelDim(attrs), filter.shape[0]!, rewriter)
}

/**
 * Puts fused_conv2d_add_act in the place of `last`, the operator that comes last of what it is made of, and takes out the others.
 * @returns false, with nothing done, where that would change a result.
 */
export function fuseConv(
  { conv, add, bias }: BiasedConv,
  rest: { readonly residual?: { readonly op: Operator; readonly added: string }; readonly activation?: Operator },
  rewriter: Rewriter,
): boolean {
  const { residual, activation } = rest
  const last = activation ?? residual?.op ?? add
  const outputs = last.outputs['Out']!
  const [input, filter] = [conv.inputs['Input']!, conv.inputs['Filter']!]
  const reads = [...input, ...filter, bias, ...(residual === undefined ? [] : [residual.added])]
  if (!reads.every((name) => rewriter.isSettled(name)) || !isExact([...reads, ...outputs], rewriter)) return false
  const def = ops.fused_conv2d_add_act
  const own = Object.entries(conv.attrs).filter(([name]) => Object.hasOwn(ops.conv2d.attrs, name))
  const slope = activation?.filledAttrs(rewriter.program.definition(activation.type)!)['alpha']
  const fused = rewriter.operator(
    {
      def,
      inputs: {
        Input: input,
        Filter: filter,
        Bias: [bias],
        ...(residual === undefined ? {} : { ResidualData: [residual.added] }),
      },
      outputs: { Output: outputs },
      attrs: {
        ...Object.fromEntries(own),
        activation: activation?.type ?? 'identity',
        ...(slope === undefined ? {} : { fuse_alpha: slope }),
      },
    },
    last,
  )
  for (const op of [conv, add, residual?.op]) if (op !== undefined && op !== last) rewriter.replace(op)
  rewriter.replace(last, fused)
  return true
}
