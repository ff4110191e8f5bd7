/**
 * reduce_amax and reduce_amin: extremes whose gradient is shared equally among all elements that are equal to the extreme.
 * Source: paddle/phi/kernels/funcs/reduce_functor.h (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireShape } from '../../framework/infer.ts'
import {
  type AnyOpDef,
  defineOp,
  describeOp,
  type KernelTensor,
  many,
  type OpDef,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { NUMBERS } from '../../tensor/dtype.ts'
import { formatShape, numel, type Shape } from '../../tensor/shape.ts'
import { eachRun, reducedCount, reducedDims, reducedShape } from './layout.ts'
import { maxInto, minInto, type Raw } from './reduce.ts'

const ATTRS = {
  dim: attr.longs([0], { doc: 'Dimensions to reduce; empty for all.' }),
  keep_dim: attr.bool(false, { doc: 'Keep the reduced dimensions with size 1.' }),
  reduce_all: attr.bool(false),
  in_dtype: attr.dtype(-1, { doc: 'Has no effect: X has an element type.' }),
  out_dtype: attr.dtype(-1, { doc: 'Has no effect: Out has the element type of X.' }),
}
interface ExtremeAttrs {
  readonly dim: readonly (number | bigint)[]
  readonly keep_dim: boolean
  readonly reduce_all: boolean
}

const AXIS_SLOTS = {
  AxisTensor: optional('Has no effect, as in Paddle: `dim` decides.'),
  AxisTensorList: many('Has no effect, as in Paddle: `dim` decides.'),
}

const reducedOf = (opType: string, { shape }: { readonly shape: Shape }, attrs: ExtremeAttrs): boolean[] =>
  reducedDims(opType, shape, { ...attrs, dim: attrs.dim.map(Number) })

/** dOut divided by the number of elements that are equal to the extreme, to each of them. */
function shareOut(
  x: KernelTensor,
  out: KernelTensor,
  dout: KernelTensor,
  dx: KernelTensor,
  reduced: readonly boolean[],
): void {
  const ties = new Int32Array(out.data.length)
  eachRun(x.shape, reduced, (start, count, to, step) => {
    for (let i = 0; i < count; i++) if (x.data[start + i] === out.data[to + i * step]) ties[to + i * step]!++
  })
  eachRun(x.shape, reduced, (start, count, to, step) => {
    for (let i = 0; i < count; i++) {
      const k = to + i * step
      dx.data[start + i] = x.data[start + i] === out.data[k] ? dout.data[k]! / ties[k]! : 0
    }
  })
}

type Inputs = { readonly X: ReturnType<typeof one> } & typeof AXIS_SLOTS
type Outputs = { readonly Out: ReturnType<typeof one> }

function sharedExtreme(
  type: string,
  what: string,
  forward: (x: Raw, out: Raw, reduced: readonly boolean[]) => void,
): [OpDef<Inputs, Outputs, typeof ATTRS>, AnyOpDef] {
  const source = 'paddle/phi/kernels/funcs/reduce_functor.h'
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: dOut in equal shares to the elements of X that are equal to Out.`,
    source,
    inputs: {
      X: one(`X of ${type}.`),
      Out: one(`Out of ${type}.`),
      'Out@GRAD': one('Gradient of Out.'),
      ...AXIS_SLOTS,
    },
    outputs: { 'X@GRAD': optional('Gradient of X.') },
    attrs: ATTRS,
    inferMeta({ X, Out, 'Out@GRAD': dOut }, attrs) {
      const shape = reducedShape(X, reducedOf(`${type}_grad`, X, attrs), attrs.keep_dim)
      requireShape(`${type}_grad`, 'Out', Out, shape, 'the shape that X gives')
      requireShape(`${type}_grad`, 'Out@GRAD', dOut, shape, 'the shape of Out')
      return { 'X@GRAD': X }
    },
    grad: 'unregistered',
    kernels: {
      cpu({ X, Out, 'Out@GRAD': dOut }, attrs, { 'X@GRAD': dX }) {
        if (dX !== undefined) shareOut(X, Out, dOut, dX, reducedOf(`${type}_grad`, X, attrs))
      },
    },
  })
  const def = defineOp({
    type,
    doc: `The ${what} element over the dimensions \`dim\`. Elements that are equal to it share the gradient.`,
    source,
    differs: 'NaN wins over every number, as in NumPy. An empty choice is refused only where the result has elements.',
    inputs: { X: one('Any shape.', NUMBERS), ...AXIS_SLOTS },
    outputs: { Out: one('Shape of X without the reduced dimensions, or with 1 in their place.') },
    attrs: ATTRS,
    inferMeta({ X }, attrs) {
      const reduced = reducedOf(type, X, attrs)
      const shape = reducedShape(X, reduced, attrs.keep_dim)
      if (reducedCount(X.shape, reduced) === 0 && numel(shape) !== 0) {
        throw new InvalidArgumentError(
          'E203',
          `${type}: there is no element to choose in X of shape ${formatShape(X.shape)}`,
          {
            expected: 'one element or more along the reduced dimensions',
            got: X.shape,
          },
        )
      }
      return { Out: { dtype: X.dtype, shape } }
    },
    grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: {
          X: inputs.X,
          Out: outputs.Out,
          'Out@GRAD': outputGrads.Out,
          AxisTensor: inputs.AxisTensor,
          AxisTensorList: inputs.AxisTensorList,
        },
        outputs: { 'X@GRAD': inputGrads.X },
        attrs: 'copied',
      }),
    ],
    kernels: {
      cpu: ({ X }, attrs, { Out }) => forward(X, Out, reducedOf(type, X, attrs)),
      int64: ({ X }, attrs, { Out }) => forward(X, Out, reducedOf(type, X, attrs)),
    },
  })
  return [def, gradDef]
}

export const [reduceAmax, reduceAmaxGrad] = sharedExtreme('reduce_amax', 'largest', maxInto)
export const [reduceAmin, reduceAminGrad] = sharedExtreme('reduce_amin', 'smallest', minInto)
