/** Multiplication by a number and addition of another; also the gradient of `sum`, `sign` and itself. */
import { attr } from '../../framework/attr.ts'
import { defineOp, describeOp, type KernelTensor, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { ALL, allocate, isInteger, type NumberArray } from '../../tensor/dtype.ts'
import { SelectedRows, type Tensor } from '../../tensor/tensor.ts'
import { numbersOf, rowsIn } from './rows.ts'

/** Out = scale * X + bias, or scale * (X + bias); for whole numbers with scale and bias cut towards zero first. */
export const scale = defineOp({
  type: 'scale',
  doc: 'scale * X + bias, or scale * (X + bias) if bias_after_scale is false. For integers scale and bias lose their fraction first.',
  source: 'paddle/phi/kernels/cpu/scale_kernel.cc',
  inputs: {
    X: one('Any shape; of selected rows the values are scaled.', ALL),
    ScaleTensor: optional('One element that replaces the attribute scale.'),
  },
  outputs: { Out: one('Shape and element type of X.') },
  attrs: {
    scale: attr.float(1),
    bias: attr.float(0),
    bias_after_scale: attr.bool(true, { doc: 'Whether bias is added to the product or to X.' }),
  },
  inferMeta: ({ X }) => ({ Out: X }),
  grad: ({ inputs, outputGrads, inputGrads, attrs }): OpDesc[] => [
    describeOp(scale, {
      inputs: { X: outputGrads.Out, ScaleTensor: inputs.ScaleTensor },
      outputs: { Out: inputGrads.X! },
      attrs: { scale: attrs.scale, bias: 0, bias_after_scale: true },
    }),
  ],
  inplace: { Out: 'X' },
  outputKind: (op, _output, kindOf) => kindOf(op.inputs['X']?.[0] ?? '') ?? 'LOD_TENSOR',
  kernels: {
    cpu({ X, ScaleTensor }, attrs, { Out }) {
      affine(X, ScaleTensor?.data[0] ?? attrs.scale, attrs.bias, attrs.bias_after_scale, Out)
    },
    int64({ X, ScaleTensor }, attrs, { Out }) {
      const factor = Number(ScaleTensor?.data[0] ?? attrs.scale)
      if (Out.data instanceof BigInt64Array) {
        const x = X.data as BigInt64Array
        const s = toBigInt(factor)
        const b = toBigInt(attrs.bias) * (attrs.bias_after_scale ? 1n : s)
        for (let i = 0; i < x.length; i++) Out.data[i] = s * x[i]! + b
      } else affine(X as KernelTensor, factor, attrs.bias, attrs.bias_after_scale, Out as KernelTensor)
    },
    selectedRows(ctx) {
      const x = rowsIn(ctx, 'X')
      const given = ctx.inputNames('ScaleTensor')[0]
      const factor = given === undefined ? (ctx.attrs['scale'] as number) : Number((ctx.get(given) as Tensor).at(0))
      const value = x.value.clone()
      const part = { dtype: value.dtype, shape: value.shape, data: numbersOf('scale', value) }
      affine(part, factor, ctx.attrs['bias'] as number, ctx.attrs['bias_after_scale'] as boolean, part)
      ctx.set(ctx.outputNames('Out')[0]!, new SelectedRows(x.rows, x.height, value))
    },
  },
})

/** The integer that a double becomes; 0 for NaN and infinities. */
const toBigInt = (value: number): bigint => BigInt(Number.isFinite(value) ? Math.trunc(value) : 0)

function affine(x: KernelTensor, scale: number, bias: number, after: boolean, out: KernelTensor): void {
  const from = x.data
  const to = out.data
  if (x.dtype === 'bool') {
    const s = scale !== 0 ? 1 : 0
    const b = bias !== 0 ? 1 : 0
    for (let i = 0; i < to.length; i++) to[i] = (after ? s * from[i]! + b : s * (from[i]! + b)) !== 0 ? 1 : 0
    return
  }
  if (isInteger(x.dtype)) {
    const held = allocate(x.dtype, 2) as NumberArray
    held[0] = scale
    held[1] = bias
    const s = held[0]!
    const b = after ? held[1]! : Math.imul(s, held[1]!)
    // A product of two int32 has more digits than float64 holds.
    for (let i = 0; i < to.length; i++) to[i] = Math.imul(s, from[i]!) + b
    return
  }
  if (after) for (let i = 0; i < to.length; i++) to[i] = scale * from[i]! + bias
  else for (let i = 0; i < to.length; i++) to[i] = scale * (from[i]! + bias)
}
