/** pool2d and pool3d: the largest element or the mean of each window, and their gradients. */
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import { type AnyOpDef, defineOp, describeOp, type OpDef, type OpDesc, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { average, averageGrad, largest, largestGrad } from './pool_kernels.ts'
import { matchPooling, POOL_ATTRS, POOL3D_ATTRS, type PoolAttrs, poolingOf } from './pool_shape.ts'
import { channelFirst, isChannelLast, storePlanes } from './window.ts'

type XSlot = { readonly X: ReturnType<typeof one> }
type OutSlot = { readonly Out: ReturnType<typeof one> }

function pooling<const A extends typeof POOL_ATTRS | typeof POOL3D_ATTRS>(
  type: string,
  poolAttrs: A,
  rank: 2 | 3,
  doc: string,
): [OpDef<XSlot, OutSlot, A>, AnyOpDef] {
  const source = 'paddle/phi/kernels/funcs/pooling.cc'
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: dOut to the first maximum of each window, or in equal shares to all of its elements.`,
    source,
    inputs: {
      X: one(`X of ${type}.`, FLOATS),
      Out: one(`Out of ${type}.`, FLOATS),
      'Out@GRAD': one('Gradient of Out.', FLOATS),
    },
    outputs: { 'X@GRAD': optional('Gradient of X.') },
    attrs: poolAttrs,
    inferMeta({ X, Out, 'Out@GRAD': dOut }, given) {
      requireSameDType(`${type}_grad`, { X, Out, 'Out@GRAD': dOut })
      const { out } = matchPooling(`${type}_grad`, X.shape, given as PoolAttrs, rank)
      requireShape(`${type}_grad`, 'Out', Out, out, 'the shape that X gives')
      requireShape(`${type}_grad`, 'Out@GRAD', dOut, out, 'the shape of Out')
      return { 'X@GRAD': X }
    },
    grad: 'unregistered',
    kernels: {
      cpu({ X, Out, 'Out@GRAD': dOut }, given, { 'X@GRAD': dX }) {
        if (dX === undefined) return
        const attrs = given as PoolAttrs
        const windows = poolingOf(`${type}_grad`, X.shape, attrs, rank)
        const channelLast = isChannelLast(attrs.data_format)
        const dout = channelFirst(dOut, channelLast)
        if (attrs.pooling_type === 'avg') {
          storePlanes(dX, channelLast, (dx) => averageGrad(windows, dout, dx))
          return
        }
        const x = channelFirst(X, channelLast)
        const out = channelFirst(Out, channelLast)
        storePlanes(dX, channelLast, (dx) => largestGrad(windows, x, out, dout, dx))
      },
    },
  })
  const def = defineOp({
    type,
    doc,
    source,
    differs:
      'A pooling_type other than max and avg, an unknown padding_algorithm or data_format and a ksize of 0 are refused.',
    inputs: {
      X: one(
        rank === 2
          ? '[N, channels, height, width], or [N, height, width, channels] with data_format NHWC.'
          : '[N, channels, depth, height, width], or the channels last with data_format NDHWC.',
        FLOATS,
      ),
    },
    outputs: { Out: one('One element per window, laid out as X.') },
    attrs: poolAttrs,
    inferMeta: ({ X }, given) => ({
      Out: { dtype: X.dtype, shape: matchPooling(type, X.shape, given as PoolAttrs, rank).out },
    }),
    grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: { X: inputs.X, Out: outputs.Out, 'Out@GRAD': outputGrads.Out },
        outputs: { 'X@GRAD': inputGrads.X },
        attrs: 'copied',
      }),
    ],
    kernels: {
      cpu({ X }, given, { Out }) {
        const attrs = given as PoolAttrs
        const windows = poolingOf(type, X.shape, attrs, rank)
        const channelLast = isChannelLast(attrs.data_format)
        const x = channelFirst(X, channelLast)
        storePlanes(Out, channelLast, (out) => {
          if (attrs.pooling_type === 'avg') average(windows, x, out)
          else largest(windows, x, out)
        })
      },
    },
  })
  return [def, gradDef]
}

export const [pool2d, pool2dGrad] = pooling(
  'pool2d',
  POOL_ATTRS,
  2,
  'The largest element (max) or the mean (avg) of each window that slides over the planes of X.',
)

export const [pool3d, pool3dGrad] = pooling(
  'pool3d',
  POOL3D_ATTRS,
  3,
  'The largest element (max) or the mean (avg) of each window that slides over the volumes of X.',
)
