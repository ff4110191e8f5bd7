/**
 * Unary activations and other element-wise functions of one input: each entry is a formula and its slope.
 * The gradient operator reads either the input or the output, as Paddle's does, so that the other can be freed.
 * Source: paddle/phi/kernels/funcs/activation_functor.h (2.6.2).
 */
import { type AnyOpDef, defineOp, describeOp, one, type OpDef, type OpDesc, optional } from '../../framework/op_def.ts'
import { type DType, FLOATS, type NumberArray } from '../../tensor/dtype.ts'

interface ActivationFormula {
  readonly doc: string
  readonly differs?: string
  /** Element types with a kernel. Default: floating point. */
  readonly dtypes?: readonly DType[]
  /** Fills y with the function of x. */
  readonly forward: (x: NumberArray, y: NumberArray) => void
  /** Which of X and Out the gradient reads. */
  readonly reads: 'X' | 'Out'
  /** Fills dx = dout * slope; `value` is X or Out as `reads` says. */
  readonly backward: (value: NumberArray, dout: NumberArray, dx: NumberArray) => void
}

type UnarySlots = { readonly X: ReturnType<typeof one> }
type OutSlots = { readonly Out: ReturnType<typeof one> }
type NoAttrs = Readonly<Record<never, never>>

/** A pair of definitions: the operator and its gradient. */
export function activation(type: string, formula: ActivationFormula): [OpDef<UnarySlots, OutSlots, NoAttrs>, AnyOpDef] {
  const { doc, forward, backward, reads } = formula
  const dtypes = formula.dtypes ?? FLOATS
  const source = 'paddle/phi/kernels/funcs/activation_functor.h'
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: dX from dOut and ${reads}.`,
    source,
    inputs: { [reads]: one(`${reads} of ${type}.`), 'Out@GRAD': one('Gradient of Out.') } as {
      readonly 'Out@GRAD': ReturnType<typeof one>
    },
    outputs: { 'X@GRAD': optional('Gradient of X, shape and element type of Out@GRAD.') },
    attrs: {},
    inferMeta: (inputs) => ({ 'X@GRAD': inputs['Out@GRAD'] }),
    grad: 'unregistered',
    inplace: { 'X@GRAD': 'Out@GRAD' },
    kernels: {
      cpu(inputs, _attrs, outputs) {
        const value = (inputs as unknown as Record<string, { data: NumberArray }>)[reads]!
        const dx = outputs['X@GRAD']
        if (dx !== undefined) backward(value.data, inputs['Out@GRAD'].data, dx.data)
      },
    },
  })
  const def = defineOp({
    type,
    doc,
    source,
    ...(formula.differs === undefined ? {} : { differs: formula.differs }),
    inputs: { X: one('Any shape.', dtypes) },
    outputs: { Out: one('Shape and element type of X.') },
    attrs: {},
    inferMeta: ({ X }) => ({ Out: X }),
    grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: { [reads]: reads === 'X' ? inputs.X : outputs.Out, 'Out@GRAD': outputGrads.Out },
        outputs: { 'X@GRAD': inputGrads.X },
        attrs: 'copied',
      }),
    ],
    inplace: { Out: 'X' },
    kernels: { cpu: ({ X }, _attrs, { Out }) => forward(X.data, Out.data) },
  })
  return [def, gradDef]
}

export const [relu, reluGrad] = activation('relu', {
  doc: 'max(x, 0).',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! > 0 ? x[i]! : 0
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = out[i]! > 0 ? dout[i]! : 0
  },
})
