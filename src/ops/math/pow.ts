/** X to one constant power, and its gradient. */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  defineOp,
  describeOp,
  type KernelTensor,
  type Meta,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { ALL, isFloating, NUMBERS, type NumberArray } from '../../tensor/dtype.ts'
import { numel } from '../../tensor/shape.ts'
import { bigPower, power } from './power.ts'

const ATTRS = {
  factor: attr.float(1, { doc: 'The power, unless FactorTensor is given; for whole numbers without its fraction.' }),
}

type Factor = KernelTensor<NumberArray | BigInt64Array> | undefined

/** A tensor counts before the attribute, and is a float32 like it. */
const factorOf = (tensor: Factor, { factor }: { readonly factor: number }): number =>
  tensor === undefined ? factor : Math.fround(Number(tensor.data[0]))

/** @throws InvalidArgumentError E203 unless FactorTensor has one element. */
function checkFactor(opType: string, tensor: Meta | undefined): void {
  // numel is -1 where the shape is not known yet.
  if (tensor === undefined || Math.abs(numel(tensor.shape)) === 1) return
  throw new InvalidArgumentError('E203', `${opType}: FactorTensor must have one element, got ${numel(tensor.shape)}`, {
    where: { opType, slot: 'FactorTensor' },
    expected: 1,
    got: tensor.shape,
  })
}

/** @throws InvalidArgumentError E224 for an infinite or NaN power of whole numbers. */
function wholeFactor(factor: number): bigint {
  if (Number.isFinite(factor)) return BigInt(Math.trunc(factor))
  throw new InvalidArgumentError('E224', `pow: whole numbers cannot be raised to the power of ${factor}`, {
    expected: 'a finite power',
    got: factor,
  })
}

/** Out = X ** factor. */
export const pow = defineOp({
  type: 'pow',
  doc: 'X to the power of `factor`. Powers of whole numbers are whole and wrap around.',
  source: 'paddle/phi/kernels/funcs/activation_functor.h',
  differs:
    'Negative powers of whole numbers, for which Paddle does not come to an end, are cut towards 0; of 0 they are an InvalidArgumentError.',
  inputs: {
    X: one('Any shape.', NUMBERS),
    FactorTensor: optional('One element that replaces the attribute factor.', ALL),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: ATTRS,
  inferMeta({ X, FactorTensor }) {
    checkFactor('pow', FactorTensor)
    return { Out: X }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(powGrad, {
      inputs: { X: inputs.X, FactorTensor: inputs.FactorTensor, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  inplace: { Out: 'X' },
  kernels: {
    cpu: ({ X, FactorTensor }, attrs, { Out }) => raise(X.data, factorOf(FactorTensor, attrs), Out),
    int64({ X, FactorTensor }, attrs, { Out }) {
      const factor = factorOf(FactorTensor, attrs)
      // int64 may also be the element type of FactorTensor alone.
      if (!(X.data instanceof BigInt64Array)) raise(X.data, factor, Out as KernelTensor)
      else {
        const out = Out.data as BigInt64Array
        const exponent = wholeFactor(factor)
        for (let i = 0; i < out.length; i++) out[i] = bigPower('pow', X.data[i]!, exponent)
      }
    },
  },
})

function raise(x: NumberArray, factor: number, { dtype, data: out }: KernelTensor): void {
  if (isFloating(dtype)) {
    for (let i = 0; i < out.length; i++) out[i] = power(x[i]!, factor)
    return
  }
  const exponent = wholeFactor(factor)
  for (let i = 0; i < out.length; i++) out[i] = Number(BigInt.asIntN(32, bigPower('pow', BigInt(x[i]!), exponent)))
}

/** dX = dOut * factor * X ** (factor - 1). */
export const powGrad = defineOp({
  type: 'pow_grad',
  doc: 'Gradient of pow: dX = dOut * factor * X ** (factor - 1).',
  source: 'paddle/phi/kernels/funcs/activation_functor.h',
  inputs: {
    X: one('X of pow.', NUMBERS),
    FactorTensor: optional('FactorTensor of pow.', ALL),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X, of its shape and element type.') },
  attrs: ATTRS,
  inferMeta({ X, FactorTensor, 'Out@GRAD': dOut }) {
    checkFactor('pow_grad', FactorTensor)
    requireSameDType('pow_grad', { X, 'Out@GRAD': dOut })
    requireShape('pow_grad', 'Out@GRAD', dOut, X.shape, 'the shape of X')
    return { 'X@GRAD': X }
  },
  grad: 'unregistered',
  inplace: { 'X@GRAD': 'Out@GRAD' },
  kernels: {
    cpu({ X, FactorTensor, 'Out@GRAD': dOut }, attrs, outputs) {
      const dx = outputs['X@GRAD']?.data
      if (dx === undefined) return
      const factor = factorOf(FactorTensor, attrs)
      const x = X.data
      const dout = dOut.data
      for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * factor * power(x[i]!, factor - 1)
    },
  },
})
