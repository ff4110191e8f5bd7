/** meshgrid: coordinate vectors laid out over the grid that they span. */
import { InvalidArgumentError } from '../../errors.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type KernelTensor, type Meta, many, type OpDesc } from '../../framework/op_def.ts'
import { expand, reduceTo } from '../../tensor/broadcast.ts'
import { NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { EIGEN_RANK } from './indices.ts'

/** The vector of dimension `axis` as a tensor of the rank of the grid. */
const along = (grid: Shape, axis: number): Shape => grid.map((dim, d) => (d === axis ? dim : 1))

function layOut(
  { X }: { X: readonly RawTensor[] },
  _attrs: unknown,
  { Out }: { Out: readonly (RawTensor | undefined)[] },
): void {
  Out.forEach((out, i) => {
    if (out === undefined) return
    const data = expand(X[i]!.data as Float32Array, along(out.shape, i), out.shape)
    ;(out.data as Float32Array).set(data)
  })
}

/** The shape of the grid. @throws InvalidArgumentError E206 for the numbers of variables, E203 for a matrix, E210. */
function gridShape(opType: string, X: readonly Meta[], count: number): Shape {
  if (X.length < 2 || X.length > EIGEN_RANK || count !== X.length) {
    throw new InvalidArgumentError(
      'E206',
      `${opType}: X takes 2 to ${EIGEN_RANK} variables and the other slot as many, got ${X.length} and ${count}`,
      { expected: `2 to ${EIGEN_RANK}`, got: [X.length, count] },
    )
  }
  requireSameDType(opType, Object.fromEntries(X.map((meta, i) => [`X[${i}]`, meta])))
  return X.map((meta, i) => {
    if (meta.shape.length <= 1) return meta.shape[0] ?? 1
    throw new InvalidArgumentError('E203', `${opType}: X[${i}] must be a vector, got ${formatShape(meta.shape)}`, {
      expected: '[N]',
      got: meta.shape,
    })
  })
}

export const meshgridGrad = defineOp({
  type: 'meshgrid_grad',
  doc: 'Gradient of meshgrid: each gradient of an output added up over all dimensions but its own.',
  source: 'paddle/phi/kernels/impl/meshgrid_grad_kernel_impl.h',
  inputs: {
    X: many('X of meshgrid; only their shapes are read.'),
    'outputs@GRAD': many('Gradients of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': many('Gradients of X, one for each.') },
  attrs: {},
  inferMeta({ X, 'outputs@GRAD': grads }) {
    const shape = gridShape('meshgrid_grad', X, grads.length)
    grads.forEach((grad, i) => {
      requireShape('meshgrid_grad', `outputs@GRAD[${i}]`, grad, shape, 'the shape of the grid')
    })
    return { 'X@GRAD': X.map((meta, i) => ({ dtype: grads[i]!.dtype, shape: meta.shape })) }
  },
  grad: 'unregistered',
  kernels: {
    cpu(inputs, _attrs, outputs) {
      const grads = outputs['X@GRAD'] as readonly (KernelTensor | undefined)[]
      grads.forEach((grad, i) => {
        const from = inputs['outputs@GRAD'][i]!
        if (grad !== undefined) reduceTo(from.data, from.shape, along(from.shape, i), grad.data)
      })
    },
  },
})

export const meshgrid = defineOp({
  type: 'meshgrid',
  doc: 'For each vector of X a tensor over the grid of all of them: Out[i] holds X[i] along dimension i and repeats it along the others.',
  source: 'paddle/phi/kernels/impl/meshgrid_kernel_impl.h',
  inputs: { X: many('Two to six vectors of one element type; 0-D tensors count as [1].', NUMBERS) },
  outputs: { Out: many('One for each X, of shape [size of X[0], size of X[1], ...].') },
  attrs: {},
  inferMeta({ X }, _attrs, ctx) {
    const shape = gridShape('meshgrid', X, ctx.outputCount('Out'))
    return { Out: X.map(({ dtype }) => ({ dtype, shape })) }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(meshgridGrad, {
      inputs: { X: inputs.X, 'outputs@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: layOut, int64: layOut, half: layOut },
})
