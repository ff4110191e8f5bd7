/**
 * Unary activations and other element-wise functions of one input: each entry is a formula and its slope.
 * The gradient operator reads either the input or the output, as Paddle's does, so that the other can be freed.
 * Source: paddle/phi/kernels/funcs/activation_functor.h (2.6.2).
 */
import {
  type AnyOpDef,
  defineOp,
  describeOp,
  type Filled,
  type KernelTensor,
  type OpDef,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { type DType, FLOATS, isFloating, NUMBERS, type NumberArray } from '../../tensor/dtype.ts'

interface ActivationFormula {
  readonly doc: string
  readonly differs?: string
  /** Element types with a kernel. Default: floating point. */
  readonly dtypes?: readonly DType[]
  /** Fills y with the function of x. */
  readonly forward: (x: NumberArray, y: NumberArray) => void
  /** The same for int64. Without it an int64 input is read as float64. */
  readonly int64?: (x: BigInt64Array, y: BigInt64Array) => void
  /** True if whole numbers give float32. */
  readonly floats?: boolean
  /** Which of X and Out the gradient reads. */
  readonly reads: 'X' | 'Out'
  /** Fills dx = dout * slope; `value` is X or Out as `reads` says. */
  readonly backward: (value: NumberArray, dout: NumberArray, dx: NumberArray) => void
}

type UnarySlots = { readonly X: ReturnType<typeof one> }
type OutSlots = { readonly Out: ReturnType<typeof one> }
type InputTensors = Filled<UnarySlots, KernelTensor<NumberArray | BigInt64Array>>
type OutputTensors = Filled<OutSlots, KernelTensor<NumberArray | BigInt64Array>>
type NoAttrs = Readonly<Record<never, never>>

/** A pair of definitions: the operator and its gradient. */
export function activation(type: string, formula: ActivationFormula): [OpDef<UnarySlots, OutSlots, NoAttrs>, AnyOpDef] {
  const { doc, forward, int64, backward, reads } = formula
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
    outputs: {
      Out: one(`Shape${formula.floats ? ' of X; float32 for whole numbers, else the' : ' and'} element type of X.`),
    },
    attrs: {},
    inferMeta: ({ X }) => ({ Out: formula.floats && !isFloating(X.dtype) ? { ...X, dtype: 'float32' } : X }),
    grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: { [reads]: reads === 'X' ? inputs.X : outputs.Out, 'Out@GRAD': outputGrads.Out },
        outputs: { 'X@GRAD': inputGrads.X },
        attrs: 'copied',
      }),
    ],
    inplace: { Out: 'X' },
    kernels: {
      cpu: ({ X }, _attrs, { Out }) => forward(X.data, Out.data),
      ...(int64 === undefined
        ? {}
        : {
            int64({ X }: InputTensors, _attrs: unknown, { Out }: OutputTensors) {
              int64(X.data as BigInt64Array, Out.data as BigInt64Array)
            },
          }),
    },
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

export const [sigmoid, sigmoidGrad] = activation('sigmoid', {
  doc: '1 / (1 + exp(-x)).',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = 1 / (1 + Math.exp(-x[i]!))
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * out[i]! * (1 - out[i]!)
  },
})

export const [tanh, tanhGrad] = activation('tanh', {
  doc: 'Hyperbolic tangent of x.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.tanh(x[i]!)
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * (1 - out[i]! * out[i]!)
  },
})

export const [sqrt, sqrtGrad] = activation('sqrt', {
  doc: 'Square root of x; NaN below 0. As in Paddle, the float32 root of infinity is NaN, except among the last (size mod 8) elements.',
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.sqrt(x[i]!)
    // Paddle takes eight float32 at a time as x times its reciprocal root, which is infinity times zero here.
    const packed = y instanceof Float32Array ? y.length - (y.length % 8) : 0
    for (let i = 0; i < packed; i++) if (y[i] === Infinity) y[i] = Number.NaN
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = (0.5 * dout[i]!) / out[i]!
  },
})

export const [square, squareGrad] = activation('square', {
  doc: 'x * x.',
  dtypes: NUMBERS,
  forward(x, y) {
    // A product of two int32 has more digits than float64 holds.
    if (y instanceof Int32Array) for (let i = 0; i < y.length; i++) y[i] = Math.imul(x[i]!, x[i]!)
    else for (let i = 0; i < y.length; i++) y[i] = x[i]! * x[i]!
  },
  int64(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! * x[i]!
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = 2 * x[i]! * dout[i]!
  },
})

export const [exp, expGrad] = activation('exp', {
  doc: 'e to the power of x.',
  dtypes: NUMBERS,
  floats: true,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.exp(x[i]!)
  },
  reads: 'Out',
  backward(out, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * out[i]!
  },
})

export const [log, logGrad] = activation('log', {
  doc: 'Natural logarithm of x; -Infinity at 0, NaN below.',
  dtypes: NUMBERS,
  floats: true,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.log(x[i]!)
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / x[i]!
  },
})

export const [abs, absGrad] = activation('abs', {
  doc: '|x|. The gradient is dOut * x / |x|, and 0 where x is 0.',
  dtypes: NUMBERS,
  forward(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = Math.abs(x[i]!)
  },
  int64(x, y) {
    for (let i = 0; i < y.length; i++) y[i] = x[i]! < 0n ? -x[i]! : x[i]!
  },
  reads: 'X',
  backward(x, dout, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i] === 0 ? 0 : dout[i]! * (x[i]! / Math.abs(x[i]!))
  },
})
