/**
 * The family of element-wise functions of one input: an entry is a formula and its slope, and gives the operator and its gradient. The
 * gradient operator reads the input, the output, both or neither, as Paddle's does, so that what it does not read can be freed.
 * The entries are in activations_smooth.ts, activations_piecewise.ts, trigonometric.ts, powers.ts and rounding.ts.
 * Source: paddle/phi/kernels/funcs/activation_functor.h (2.6.2).
 */
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  type AnyOpDef,
  type Attrs,
  defineOp,
  describeOp,
  type Filled,
  type FilledAttrs,
  type KernelTensor,
  type Meta,
  type OpDef,
  type OpDesc,
  one,
  optional,
} from '../../framework/op_def.ts'
import { type DType, FLOATS, isFloating, type NumberArray } from '../../tensor/dtype.ts'

interface ActivationFormula<A extends Attrs> {
  readonly doc: string
  readonly differs?: string
  /** Element types with a kernel. Default: floating point. */
  readonly dtypes?: readonly DType[]
  readonly attrs?: A
  /** Fills y with the function of x. */
  readonly forward: (x: NumberArray, y: NumberArray, attrs: FilledAttrs<A>) => void
  /** The same for int64. Without it an int64 input is read as float64. */
  readonly int64?: (x: BigInt64Array, y: BigInt64Array) => void
  /** True if whole numbers give float32. */
  readonly floats?: boolean
  /** Which of X and Out the gradient operator has as inputs. */
  readonly reads: 'X' | 'Out' | 'X and Out' | 'neither'
  /** Fills dx = dout * slope; `value` is Out where `reads` says so, else X; for 'neither' it is dout. */
  readonly backward: (value: NumberArray, dout: NumberArray, dx: NumberArray, attrs: FilledAttrs<A>) => void
}

type UnarySlots = { readonly X: ReturnType<typeof one> }
type OutSlots = { readonly Out: ReturnType<typeof one> }
type InputTensors = Filled<UnarySlots, KernelTensor<NumberArray | BigInt64Array>>
type OutputTensors = Filled<OutSlots, KernelTensor<NumberArray | BigInt64Array>>
type NoAttrs = Readonly<Record<never, never>>

/** A pair of definitions: the operator and its gradient. */
export function activation<const A extends Attrs = NoAttrs>(
  type: string,
  formula: ActivationFormula<A>,
): [OpDef<UnarySlots, OutSlots, A>, AnyOpDef] {
  const { doc, forward, int64, backward, reads } = formula
  const dtypes = formula.dtypes ?? FLOATS
  const attrs = formula.attrs ?? ({} as A)
  const source = 'paddle/phi/kernels/funcs/activation_functor.h'
  const readsX = reads === 'X' || reads === 'X and Out'
  const readsOut = reads === 'Out' || reads === 'X and Out'
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: dX from dOut${reads === 'neither' ? '' : ` and ${reads}`}.`,
    source,
    inputs: {
      ...(readsX ? { X: one(`X of ${type}.`) } : {}),
      ...(readsOut ? { Out: one(`Out of ${type}.`) } : {}),
      'Out@GRAD': one('Gradient of Out.'),
    } as { readonly 'Out@GRAD': ReturnType<typeof one> },
    outputs: { 'X@GRAD': optional('Gradient of X, shape and element type of Out@GRAD.') },
    attrs,
    inferMeta(inputs) {
      const { X, Out, 'Out@GRAD': dout } = inputs as unknown as Record<string, Meta | undefined>
      for (const [slot, meta] of [
        ['X', X],
        ['Out', Out],
      ] as const) {
        if (meta === undefined) continue
        // Whole numbers have gradients only where they give float32.
        if (!formula.floats || isFloating(meta.dtype))
          requireSameDType(`${type}_grad`, { [slot]: meta, 'Out@GRAD': dout })
        requireShape(`${type}_grad`, 'Out@GRAD', dout!, meta.shape, `the shape of ${slot}`)
      }
      return { 'X@GRAD': dout! }
    },
    grad: 'unregistered',
    inplace: { 'X@GRAD': 'Out@GRAD' },
    kernels: {
      cpu(inputs, given, outputs) {
        const { X, Out, 'Out@GRAD': dout } = inputs as unknown as Record<string, { data: NumberArray }>
        const dx = outputs['X@GRAD']
        if (dx !== undefined) backward((X ?? Out ?? dout)!.data, dout!.data, dx.data, given)
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
    attrs,
    inferMeta: ({ X }) => ({ Out: formula.floats && !isFloating(X.dtype) ? { ...X, dtype: 'float32' } : X }),
    grad: ({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
      describeOp(gradDef, {
        inputs: {
          ...(readsX ? { X: inputs.X } : {}),
          ...(readsOut ? { Out: outputs.Out } : {}),
          'Out@GRAD': outputGrads.Out,
        } as { readonly 'Out@GRAD': string },
        outputs: { 'X@GRAD': inputGrads.X },
        attrs: 'copied',
      }),
    ],
    inplace: { Out: 'X' },
    kernels: {
      cpu: ({ X }, given, { Out }) => forward(X.data, Out.data, given),
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

/**
 * How many of the leading elements Paddle takes eight float32 at a time. There the root of v is v times its reciprocal root, which for an
 * infinite v is infinity times zero, NaN; the elements behind them, and float64, have roots as usual.
 */
export function packedRoots(out: NumberArray): number {
  return out instanceof Float32Array ? out.length - (out.length % 8) : 0
}
