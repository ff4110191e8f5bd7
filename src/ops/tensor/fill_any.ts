/** fill_any: X with every element set to one value. Its gradient is zero. Source: paddle/phi/kernels/cpu/fill_kernel.cc (2.6.2). */
import { attr } from '../../framework/attr.ts'
import { defineOp, describeOp, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { ALL } from '../../tensor/dtype.ts'
import { fill, toElement } from './fill.ts'
import { fillZero } from './indices.ts'

const ATTRS = { value: attr.float(0) }

export const fillAnyGrad = defineOp({
  type: 'fill_any_grad',
  doc: 'Gradient of fill_any: zeros.',
  source: 'paddle/phi/kernels/cpu/fill_grad_kernel.cc',
  inputs: { 'Out@GRAD': one('Gradient of Out; its values are not read.', ALL) },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs: ATTRS,
  inferMeta: ({ 'Out@GRAD': dOut }) => ({ 'X@GRAD': dOut }),
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu(_inputs, _attrs, { 'X@GRAD': dX }) {
      if (dX !== undefined) fillZero(dX)
    },
  },
})

export const fillAny = defineOp({
  type: 'fill_any',
  doc: 'X with every element set to `value`, of integers to its whole part.',
  source: 'paddle/phi/kernels/cpu/fill_kernel.cc',
  differs: 'A value that an integer type cannot hold is an InvalidArgumentError; in Paddle the result is undefined.',
  inputs: { X: one('Any shape; its values are not read.', ALL) },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: ATTRS,
  inferMeta({ X }, { value }) {
    toElement('fill_any', X.dtype, value)
    return { Out: X }
  },
  grad: ({ outputGrads, inputGrads }): OpDesc[] => [
    describeOp(fillAnyGrad, {
      inputs: { 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu: (_inputs, { value }, { Out }) => fill(Out, toElement('fill_any', Out.dtype, value)),
    int64: (_inputs, { value }, { Out }) => fill(Out, toElement('fill_any', Out.dtype, value)),
  },
})
