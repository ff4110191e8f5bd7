/** inverse, determinant and slogdeterminant of square matrices, by LU factors in float64. */
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { factorize, invertFactored } from '../../tensor/lu.ts'
import type { Shape } from '../../tensor/shape.ts'
import { invertAll, invertAllGrad, requireSquare, stackOf } from './square.ts'

export const inverseGrad = defineOp({
  type: 'inverse_grad',
  doc: 'Gradient of inverse: dInput = -Outputᵀ dOutput Outputᵀ.',
  source: 'paddle/phi/kernels/impl/inverse_grad_kernel_impl.h',
  inputs: { Output: one('Output of inverse.', FLOATS), 'Output@GRAD': one('Gradient of Output.', FLOATS) },
  outputs: { 'Input@GRAD': optional('Gradient of Input.') },
  attrs: {},
  inferMeta({ Output, 'Output@GRAD': dOut }) {
    requireSquare('inverse_grad', 'Output', Output)
    requireSameDType('inverse_grad', { Output, 'Output@GRAD': dOut })
    requireShape('inverse_grad', 'Output@GRAD', dOut, Output.shape, 'the shape of Output')
    return { 'Input@GRAD': Output }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ Output, 'Output@GRAD': dOut }, _attrs, { 'Input@GRAD': dX }) {
      if (dX !== undefined) invertAllGrad(Output.data, dOut.data, stackOf(Output.shape), dX.data)
    },
  },
})

export const inverse = defineOp({
  type: 'inverse',
  doc: 'The inverse of each matrix. One that has none is an InvalidArgumentError.',
  source: 'paddle/phi/kernels/impl/inverse_kernel_impl.h',
  inputs: { Input: one('[..., N, N] with elements.', FLOATS) },
  outputs: { Output: one('Shape and element type of Input.') },
  attrs: {},
  inferMeta({ Input }) {
    requireSquare('inverse', 'Input', Input, true)
    return { Output: Input }
  },
  grad: ({ outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(inverseGrad, {
      inputs: { Output: outputs.Output, 'Output@GRAD': outputGrads.Output },
      outputs: { 'Input@GRAD': inputGrads.Input },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: ({ Input }, _attrs, { Output }) => invertAll('inverse', Input, Output.data) },
})

/** The determinant as its sign and the logarithm of its size; sign 0 and -Infinity for a singular matrix. */
function signAndLog(data: Parameters<typeof factorize>[0], offset: number, n: number): [number, number] {
  const { lu, sign, singular } = factorize(data, offset, n)
  if (singular) return [0, -Infinity]
  let negative = sign < 0
  let log = 0
  for (let i = 0; i < n; i++) {
    const pivot = lu[i * n + i]!
    if (pivot < 0) negative = !negative
    log += Math.log(Math.abs(pivot))
  }
  return [negative ? -1 : 1, log]
}

function determinantOf(data: Parameters<typeof factorize>[0], offset: number, n: number): number {
  const { lu, sign, singular } = factorize(data, offset, n)
  let result = singular ? 0 : sign
  for (let i = 0; i < n; i++) result *= lu[i * n + i]!
  return result
}

/** The slots of both gradient operators. */
const gradientOf = (opType: string) => ({
  inputs: {
    Input: one(`Input of ${opType}.`, FLOATS),
    Out: one(`Out of ${opType}.`, FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'Input@GRAD': optional('Gradient of Input.') },
})

function gradientMeta(
  opType: string,
  { Input, Out, 'Out@GRAD': dOut }: { Input: Meta; Out: Meta; 'Out@GRAD': Meta },
  outShape: Shape,
): { 'Input@GRAD': Meta } {
  requireSquare(opType, 'Input', Input)
  requireSameDType(opType, { Input, Out, 'Out@GRAD': dOut })
  requireShape(opType, 'Out', Out, outShape, 'the shape that Input gives')
  requireShape(opType, 'Out@GRAD', dOut, outShape, 'the shape of Out')
  return { 'Input@GRAD': Input }
}

/** dInput = factor(i) times the transposed inverse of matrix i. */
function spreadInverses(
  { data, shape }: { readonly data: Parameters<typeof factorize>[0]; readonly shape: Shape },
  factor: (i: number) => number,
  dx: Parameters<typeof factorize>[0],
): void {
  const { n, count } = stackOf(shape)
  for (let i = 0; i < count; i++) {
    const offset = i * n * n
    const inverted = invertFactored(factorize(data, offset, n, true))
    const scale = factor(i)
    for (let k = 0; k < n * n; k++) dx[offset + k] = scale * inverted[k]!
  }
}

export const determinantGrad = defineOp({
  type: 'determinant_grad',
  doc: 'Gradient of determinant: dInput = dOut Out Input⁻ᵀ. It is 0 everywhere if the determinant of any of the matrices is 0.',
  source: 'paddle/phi/kernels/impl/determinant_grad_kernel_impl.h',
  ...gradientOf('determinant'),
  attrs: {},
  inferMeta: (inputs) => gradientMeta('determinant_grad', inputs, inputs.Input.shape.slice(0, -2)),
  grad: 'unregistered',
  kernels: {
    cpu({ Input, Out, 'Out@GRAD': dOut }, _attrs, { 'Input@GRAD': dX }) {
      if (dX === undefined) return
      if (Out.data.includes(0 as never)) dX.data.fill(0)
      else spreadInverses(Input, (i) => dOut.data[i]! * Out.data[i]!, dX.data)
    },
  },
})

export const determinant = defineOp({
  type: 'determinant',
  doc: 'The determinant of each matrix.',
  source: 'paddle/phi/kernels/impl/determinant_kernel_impl.h',
  inputs: { Input: one('[..., N, N].', FLOATS) },
  outputs: { Out: one('Shape of Input without its last two dimensions.') },
  attrs: {},
  inferMeta({ Input }) {
    requireSquare('determinant', 'Input', Input)
    return { Out: { dtype: Input.dtype, shape: Input.shape.slice(0, -2) } }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(determinantGrad, {
      inputs: { Input: inputs.Input, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'Input@GRAD': inputGrads.Input },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ Input }, _attrs, { Out }) {
      const { n, count } = stackOf(Input.shape)
      for (let i = 0; i < count; i++) Out.data[i] = determinantOf(Input.data, i * n * n, n)
    },
  },
})

export const slogdeterminantGrad = defineOp({
  type: 'slogdeterminant_grad',
  doc: 'Gradient of slogdeterminant: dInput = dOut[1] Input⁻ᵀ, where dOut[1] is that of the logarithm. NaN everywhere if any of the matrices is singular.',
  source: 'paddle/phi/kernels/impl/slogdeterminant_grad_kernel_impl.h',
  ...gradientOf('slogdeterminant'),
  attrs: {},
  inferMeta: (inputs) => gradientMeta('slogdeterminant_grad', inputs, [2, ...inputs.Input.shape.slice(0, -2)]),
  grad: 'unregistered',
  kernels: {
    cpu({ Input, Out, 'Out@GRAD': dOut }, _attrs, { 'Input@GRAD': dX }) {
      if (dX === undefined) return
      const { count } = stackOf(Input.shape)
      if (Out.data.subarray(0, count).includes(0 as never)) dX.data.fill(Number.NaN)
      else spreadInverses(Input, (i) => dOut.data[count + i]!, dX.data)
    },
  },
})

export const slogdeterminant = defineOp({
  type: 'slogdeterminant',
  doc: 'The sign of the determinant of each matrix, and the logarithm of its absolute value; 0 and -Infinity for a determinant of 0.',
  source: 'paddle/phi/kernels/impl/slogdeterminant_kernel_impl.h',
  inputs: { Input: one('[..., N, N].', FLOATS) },
  outputs: { Out: one('[2, ...]: the signs, then the logarithms.') },
  attrs: {},
  inferMeta({ Input }) {
    requireSquare('slogdeterminant', 'Input', Input)
    return { Out: { dtype: Input.dtype, shape: [2, ...Input.shape.slice(0, -2)] } }
  },
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(slogdeterminantGrad, {
      inputs: { Input: inputs.Input, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'Input@GRAD': inputGrads.Input },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ Input }, _attrs, { Out }) {
      const { n, count } = stackOf(Input.shape)
      for (let i = 0; i < count; i++) {
        const [sign, log] = signAndLog(Input.data, i * n * n, n)
        Out.data[i] = sign
        Out.data[count + i] = log
      }
    },
  },
})
