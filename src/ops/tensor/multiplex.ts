/** multiplex: each row from one of several tensors. */
import { InvalidArgumentError, makeError } from '../../errors.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { defineOp, describeOp, type Meta, many, type OpDesc, one } from '../../framework/op_def.ts'
import { NUMBERS } from '../../tensor/dtype.ts'
import { compatibleShapes, formatShape, product } from '../../tensor/shape.ts'
import type { RawTensor } from './copy.ts'
import { checkedIndex, fillZero, moveElements } from './indices.ts'

/** The tensor that row `row` is taken from. */
const sourceOf = (Ids: RawTensor, row: number, count: number): number =>
  checkedIndex('multiplex', 'Ids', Ids, row, count, 'PreconditionNotMet')

function choose(
  { X, Ids }: { X: readonly RawTensor[]; Ids: RawTensor },
  _attrs: unknown,
  { Out }: { Out: RawTensor },
): void {
  const width = product(Out.shape, 1)
  for (let row = 0; row < Out.shape[0]!; row++) {
    moveElements(X[sourceOf(Ids, row, X.length)]!, row * width, Out, row * width, width)
  }
}

function giveBack(
  inputs: { Ids: RawTensor; 'Out@GRAD': RawTensor },
  _attrs: unknown,
  outputs: { 'X@GRAD': readonly (RawTensor | undefined)[] },
): void {
  const grads = outputs['X@GRAD']
  const outGrad = inputs['Out@GRAD']
  const width = product(outGrad.shape, 1)
  for (const grad of grads) if (grad !== undefined) fillZero(grad)
  for (let row = 0; row < outGrad.shape[0]!; row++) {
    const grad = grads[sourceOf(inputs.Ids, row, grads.length)]
    if (grad !== undefined) moveElements(outGrad, row * width, grad, row * width, width)
  }
}

export const multiplexGrad = defineOp({
  type: 'multiplex_grad',
  doc: 'Gradient of multiplex: each row of Out@GRAD goes to the tensor that it was taken from.',
  source: 'paddle/phi/kernels/cpu/multiplex_grad_kernel.cc',
  inputs: {
    Ids: one('Ids of multiplex.', ['int32']),
    X: many('X of multiplex; only their shapes are read.'),
    'Out@GRAD': one('Gradient of Out.', NUMBERS),
  },
  outputs: { 'X@GRAD': many('Gradients of X, one for each.') },
  attrs: {},
  inferMeta({ X, Ids, 'Out@GRAD': outGrad }) {
    checkShapes('multiplex_grad', X, Ids)
    const wanted = [Ids.shape[0]!, ...X[0]!.shape.slice(1)]
    requireShape('multiplex_grad', 'Out@GRAD', outGrad, wanted, 'the shape of Out')
    return { 'X@GRAD': X.map(({ shape }) => ({ dtype: outGrad.dtype, shape })) }
  },
  grad: 'unregistered',
  kernels: { cpu: giveBack, int64: giveBack, half: giveBack },
})

/** @throws InvalidArgumentError E203, E206 or PreconditionNotMetError E203, as Paddle sorts them. */
function checkShapes(opType: string, X: readonly Meta[], Ids: Meta): void {
  if (Ids.shape.length !== 2) {
    throw makeError('PreconditionNotMet', 'E203', `${opType}: Ids must be [N, 1], got ${formatShape(Ids.shape)}`, {
      expected: '[N, 1]',
      got: Ids.shape,
    })
  }
  if (X.length < 2) {
    throw new InvalidArgumentError('E206', `${opType}: X takes two variables or more, got ${X.length}`, {
      expected: 2,
      got: X.length,
    })
  }
  const { shape } = X[0]!
  if (shape.length < 2) {
    throw new InvalidArgumentError('E203', `${opType}: X must have two dimensions or more, got ${formatShape(shape)}`, {
      expected: '[N, ...]',
      got: shape,
    })
  }
  X.forEach((meta, i) => {
    if (compatibleShapes(meta.shape, shape)) return
    throw makeError(
      'PreconditionNotMet',
      'E203',
      `${opType}: X[${i}] must have the shape of X[0], ${formatShape(shape)}, got ${formatShape(meta.shape)}`,
      { expected: shape, got: meta.shape },
    )
  })
  if (shape[0]! >= 0 && Ids.shape[0]! > shape[0]!) {
    throw new InvalidArgumentError(
      'E203',
      `${opType}: Ids has ${Ids.shape[0]} rows, more than X of shape ${formatShape(shape)}`,
      { expected: `${shape[0]} or less`, got: Ids.shape[0] },
    )
  }
}

export const multiplex = defineOp({
  type: 'multiplex',
  doc: 'Row i of Out is row i of X[Ids[i]].',
  source: 'paddle/phi/kernels/cpu/multiplex_kernel.cc',
  differs: 'Tensors without elements work.',
  inputs: {
    X: many('Two or more tensors of one shape [N, ...] and element type.', NUMBERS),
    Ids: one('[M, 1], M up to N: which X each row comes from.', ['int32']),
  },
  outputs: { Out: one('[M, ...], element type of X.') },
  attrs: {},
  inferMeta({ X, Ids }) {
    checkShapes('multiplex', X, Ids)
    requireSameDType('multiplex', Object.fromEntries(X.map((meta, i) => [`X[${i}]`, meta])))
    return { Out: { dtype: X[0]!.dtype, shape: [Ids.shape[0]!, ...X[0]!.shape.slice(1)] } }
  },
  grad: ({ inputs, outputGrads, inputGrads }): OpDesc[] => [
    describeOp(multiplexGrad, {
      inputs: { Ids: inputs.Ids, X: inputs.X, 'Out@GRAD': outputGrads.Out },
      outputs: { 'X@GRAD': inputGrads.X },
      attrs: 'copied',
    }),
  ],
  kernels: { cpu: choose, int64: choose, half: choose },
})
