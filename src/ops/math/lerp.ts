/** lerp: linear interpolation. Source: paddle/phi/kernels/impl/lerp_kernel_impl.h (2.6.2). */
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { expand, reduceTo } from '../../tensor/broadcast.ts'
import { FLOATS, type NumberArray } from '../../tensor/dtype.ts'
import { broadcast, type Shape } from '../../tensor/shape.ts'

/** @throws InvalidArgumentError E203 unless the three broadcast. */
function commonShape(opType: string, X: Meta, Y: Meta, Weight: Meta): Shape {
  requireSameDType(opType, { X, Y, Weight })
  return broadcast(opType, broadcast(opType, X.shape, Y.shape, -1).shape, Weight.shape, -1).shape
}

const lift = (shape: Shape, rank: number): Shape => [...new Array<number>(rank - shape.length).fill(1), ...shape]

/** The elements laid out in `large`. */
const laidOut = ({ data, shape }: { readonly data: NumberArray; readonly shape: Shape }, large: Shape): NumberArray =>
  expand(data, lift(shape, large.length), large)

export const lerpGrad = defineOp({
  type: 'lerp_grad',
  doc: 'Gradient of lerp: dX = dOut (1 - Weight), dY = dOut Weight, summed over what was repeated. Weight has none.',
  source: 'paddle/phi/kernels/impl/lerp_grad_kernel_impl.h',
  inputs: {
    X: one('X of lerp; only its shape is read.', FLOATS),
    Y: one('Y of lerp; only its shape is read.', FLOATS),
    Weight: one('Weight of lerp.', FLOATS),
    Out: one('Out of lerp; it is not read.', FLOATS),
    'Out@GRAD': one('Gradient of Out.', FLOATS),
  },
  outputs: { 'X@GRAD': optional('Gradient of X.'), 'Y@GRAD': optional('Gradient of Y.') },
  attrs: {},
  inferMeta({ X, Y, Weight, 'Out@GRAD': dOut }) {
    requireShape('lerp_grad', 'Out@GRAD', dOut, commonShape('lerp_grad', X, Y, Weight), 'the shape of Out')
    return { 'X@GRAD': X, 'Y@GRAD': Y }
  },
  grad: 'unregistered',
  kernels: {
    cpu({ Weight, 'Out@GRAD': { data: dout, shape } }, _attrs, { 'X@GRAD': dX, 'Y@GRAD': dY }) {
      const weight = laidOut(Weight, shape)
      const part = new Float64Array(dout.length)
      if (dX !== undefined) {
        for (let i = 0; i < part.length; i++) part[i] = dout[i]! * (1 - weight[i]!)
        reduceTo(part, shape, lift(dX.shape, shape.length), dX.data)
      }
      if (dY === undefined) return
      for (let i = 0; i < part.length; i++) part[i] = dout[i]! * weight[i]!
      reduceTo(part, shape, lift(dY.shape, shape.length), dY.data)
    },
  },
})

export const lerp = defineOp({
  type: 'lerp',
  doc: 'X + Weight (Y - X). The last dimensions of the three meet and broadcast.',
  source: 'paddle/phi/kernels/impl/lerp_kernel_impl.h',
  differs: 'Tensors without elements work.',
  inputs: {
    X: one('Any shape.', FLOATS),
    Y: one('Element type of X.', FLOATS),
    Weight: one('Element type of X.', FLOATS),
  },
  outputs: { Out: one('The common shape, element type of X.') },
  attrs: {},
  inferMeta: ({ X, Y, Weight }) => ({ Out: { dtype: X.dtype, shape: commonShape('lerp', X, Y, Weight) } }),
  grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(lerpGrad, {
      inputs: { X: inputs.X, Y: inputs.Y, Weight: inputs.Weight, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
      attrs: 'copied',
    }),
  ],
  kernels: {
    cpu({ X, Y, Weight }, _attrs, { Out }) {
      const [x, y, weight] = [X, Y, Weight].map((operand) => laidOut(operand, Out.shape)) as [
        NumberArray,
        NumberArray,
        NumberArray,
      ]
      for (let i = 0; i < x.length; i++) Out.data[i] = x[i]! + weight[i]! * (y[i]! - x[i]!)
    },
  },
})
