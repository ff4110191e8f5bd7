/** Attributes of fused_conv2d_add_act, and where its channels stand. */
import { attr, oneOf } from '../../framework/attr.ts'
import type { FilledAttrs } from '../../framework/op_def.ts'
import { CONV_ATTRS } from './conv_shape.ts'
import { isChannelLast } from './window.ts'

/** What `activation` may name beside identity. */
export const CONV_ACTIVATIONS = ['relu', 'relu6', 'sigmoid', 'tanh', 'swish', 'leaky_relu'] as const
export type ConvActivation = (typeof CONV_ACTIVATIONS)[number]

export const FUSED_CONV_ATTRS = {
  ...CONV_ATTRS,
  activation: attr.string('relu', {
    doc: 'Through which the sums go.',
    check: oneOf('identity', ...CONV_ACTIVATIONS),
  }),
  split_channels: attr.ints([], { doc: 'Must be empty: other values are an UnimplementedError.' }),
  fuse_alpha: attr.float(0, { doc: 'The slope of leaky_relu for negative numbers.' }),
}
export type FusedConvAttrs = FilledAttrs<typeof FUSED_CONV_ATTRS>

/** Where channels stand in Input and Output. */
export const channelDim = ({ data_format }: { readonly data_format: string }): 1 | 3 =>
  isChannelLast(data_format) ? 3 : 1
