/** dropout: elements set to zero at random while training. */
import { attr, oneOf } from '../../framework/attr.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { engineFor, uniformFloat32 } from '../../tensor/random.ts'

const attrs = {
  dropout_prob: attr.float(0.5, {
    doc: 'The probability of an element to become zero.',
    check: (p) => (p >= 0 && p <= 1 ? null : 'a probability in [0, 1]'),
  }),
  is_test: attr.bool(false, { doc: 'Inference: nothing is dropped.' }),
  dropout_implementation: attr.string('downgrade_in_infer', {
    doc: 'upscale_in_train divides what is kept by 1 - p while training; downgrade_in_infer multiplies by 1 - p at inference instead.',
    check: oneOf('downgrade_in_infer', 'upscale_in_train'),
  }),
  fix_seed: attr.bool(false, { extra: true, doc: 'Use `seed`; otherwise it has no effect.' }),
  seed: attr.int(0, { extra: true }),
}

/** 1 - p as Paddle has it, rounded to float32 for every element type. */
const keepProbability = (p: number): number => Math.fround(1 - p)

export const dropoutGrad = defineOp({
  type: 'dropout_grad',
  doc: 'Gradient of dropout: dOut where an element was kept, scaled as the forward operator did.',
  source: 'paddle/phi/kernels/cpu/dropout_grad_kernel.cc',
  inputs: {
    Mask: optional('Mask of dropout; has no value at inference.'),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.') },
  attrs,
  inferMeta: (inputs) => ({ 'X@GRAD': inputs['Out@GRAD'] }),
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu(inputs, { dropout_prob, is_test, dropout_implementation }, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const { data: dout } = inputs['Out@GRAD']
      const keep = keepProbability(dropout_prob)
      const upscale = dropout_implementation === 'upscale_in_train'
      if (is_test) {
        const factor = upscale ? 1 : keep
        for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * factor
        return
      }
      const mask = inputs.Mask!.data
      // With p = 1 the mask is all zero and the divisor is not used.
      const divisor = upscale ? keep : 1
      for (let i = 0; i < dx.length; i++) dx[i] = mask[i] === 0 ? 0 : dout[i]! / divisor
    },
  },
})

/**
 * Training: an element is dropped where a uniform float32 is below p, one drawn per element in memory order, also for p = 0; for p = 1
 * nothing is drawn. The numbers come from the input Seed, from `seed` if fix_seed is set, else (and for seed 0) from the generator.
 */
export const dropout = defineOp({
  type: 'dropout',
  doc: 'Sets elements of X to zero with probability dropout_prob while training; Mask is 1 where an element was kept.',
  source: 'paddle/phi/kernels/cpu/dropout_kernel.cc',
  inputs: {
    X: one('Any shape.', FLOATS),
    Seed: optional('One element: the seed, in place of the attribute.', ['int32']),
  },
  outputs: { Out: one('Shape and element type of X.'), Mask: one('uint8, shape of X. Not set at inference.') },
  attrs,
  inferMeta({ X }, { is_test }) {
    const Mask: Meta = { dtype: 'uint8', shape: X.shape }
    return is_test ? ({ Out: X } as { Out: Meta; Mask: Meta }) : { Out: X, Mask }
  },
  grad: ({ outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(dropoutGrad, {
      inputs: { Mask: outputs.Mask, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  effects: 'random',
  kernels: {
    cpu({ X, Seed }, { dropout_prob, is_test, dropout_implementation, fix_seed, seed }, { Out, Mask }, { generator }) {
      const { data: x } = X
      const { data: y } = Out
      const keep = keepProbability(dropout_prob)
      const upscale = dropout_implementation === 'upscale_in_train'
      if (is_test) {
        const factor = upscale ? 1 : keep
        for (let i = 0; i < y.length; i++) y[i] = x[i]! * factor
        return
      }
      // A program saved without Mask still trains, as long as nobody asks for the gradient.
      const mask = (Mask as typeof Mask | undefined)?.data
      if (dropout_prob === 1) {
        y.fill(0)
        mask?.fill(0)
        return
      }
      const engine = engineFor(Seed === undefined ? (fix_seed ? seed : 0) : Seed.data[0]!, generator)
      const divisor = upscale ? keep : 1
      for (let i = 0; i < y.length; i++) {
        const kept = uniformFloat32(engine) < dropout_prob ? 0 : 1
        y[i] = kept === 0 ? 0 : x[i]! / divisor
        if (mask !== undefined) mask[i] = kept
      }
    },
  },
})
