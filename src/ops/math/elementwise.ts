/**
 * Element-wise operators of two inputs with Paddle's broadcasting, and their gradients. Operands are laid out in the common shape first, so
 * that every formula is a loop over arrays of one length; gradients are added up over the repeated dimensions afterwards.
 * Source: paddle/phi/kernels/funcs/elementwise_functor.h, elementwise_grad_base.h (2.6.2).
 */
import { InvalidArgumentError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { requireSameDType, requireShape } from '../../framework/infer.ts'
import {
  type AnyOpDef,
  defineOp,
  describeOp,
  type KernelTensor,
  type OpDef,
  type OpDesc,
  one,
  optional,
  type ScopeKernelContext,
  type Slot,
} from '../../framework/op_def.ts'
import { expand, reduceTo } from '../../tensor/broadcast.ts'
import { type DType, isFloating, NUMBERS, type NumberArray } from '../../tensor/dtype.ts'
import { broadcast, formatShape, product } from '../../tensor/shape.ts'
import { SelectedRows, Tensor } from '../../tensor/tensor.ts'
import { bigPower, power } from './power.ts'
import { numbersOf, rowsIn } from './rows.ts'

/** What the slope of a formula may read, in the common shape; laid out only when it is read. */
interface Operands {
  readonly x: NumberArray
  readonly y: NumberArray
  readonly out: NumberArray
  readonly dout: NumberArray
}

interface ElementwiseFormula {
  readonly doc: string
  readonly differs?: string
  /** Element types with a kernel. */
  readonly dtypes: readonly DType[]
  /** True where whole numbers (and bools) must not be divided by zero. */
  readonly divides?: boolean
  readonly forward: (x: NumberArray, y: NumberArray, out: NumberArray) => void
  readonly int64: (x: BigInt64Array, y: BigInt64Array, out: BigInt64Array) => void
  /** Fills dx = dout * d out / d x; absent where that is dout itself. */
  readonly dx?: (at: Operands, dx: NumberArray) => void
  readonly dy?: (at: Operands, dy: NumberArray) => void
  /** True if the gradient operator has Out as an input. */
  readonly readsOut?: boolean
  readonly selectedRows?: (ctx: ScopeKernelContext) => void
  /** Set where there is no gradient. */
  readonly grad?: 'none'
}

type BinarySlots = { readonly X: Slot<'one'>; readonly Y: Slot<'one'> }
type OutSlots = { readonly Out: Slot<'one'> }
const AXIS = {
  axis: attr.int(-1, {
    doc: 'Dimension of the operand of higher rank where the other begins; -1 lets the last dimensions meet.',
  }),
}

/** A pair of definitions: the operator and its gradient, which is of no use with `grad: 'none'`. */
export const elementwise = (
  type: string,
  formula: ElementwiseFormula,
): [OpDef<BinarySlots, OutSlots, typeof AXIS>, AnyOpDef] => broadcasting(type, formula, AXIS)

/** The same for operators that have no `axis`: the last dimensions meet. */
export const elementwiseWithoutAxis = (
  type: string,
  formula: ElementwiseFormula,
): [OpDef<BinarySlots, OutSlots, Readonly<Record<never, never>>>, AnyOpDef] => broadcasting(type, formula, {})

function broadcasting<const A extends Partial<typeof AXIS>>(
  type: string,
  formula: ElementwiseFormula,
  attrs: A,
): [OpDef<BinarySlots, OutSlots, A>, AnyOpDef] {
  const axisOf = (given: object): number => (given as { readonly axis?: number }).axis ?? -1
  const { dtypes, divides, forward, int64, dx, dy, readsOut, selectedRows } = formula
  const source = 'paddle/phi/kernels/funcs/elementwise_functor.h'
  const gradDef = defineOp({
    type: `${type}_grad`,
    doc: `Gradient of ${type}: dX and dY from dOut, each summed over the dimensions in which its operand was repeated.`,
    source: 'paddle/phi/kernels/funcs/elementwise_grad_base.h',
    inputs: {
      X: one(`X of ${type}.`),
      Y: one(`Y of ${type}.`),
      ...((readsOut ? { Out: one(`Out of ${type}.`) } : {}) as { readonly Out: Slot<'one'> }),
      'Out@GRAD': one('Gradient of Out.'),
    },
    outputs: {
      'X@GRAD': optional('Gradient of X, of its shape and element type.'),
      'Y@GRAD': optional('Gradient of Y, of its shape and element type.'),
    },
    attrs,
    inferMeta({ X, Y, 'Out@GRAD': dOut }, given) {
      requireSameDType(`${type}_grad`, { X, Y, 'Out@GRAD': dOut })
      const { shape } = broadcast(`${type}_grad`, X.shape, Y.shape, axisOf(given))
      requireShape(`${type}_grad`, 'Out@GRAD', dOut, shape, 'the shape of Out')
      return { 'X@GRAD': X, 'Y@GRAD': Y }
    },
    grad: 'unregistered',
    inplace: { 'X@GRAD': 'Out@GRAD' },
    kernels: {
      cpu(inputs, given, outputs) {
        const { X, Y, Out, 'Out@GRAD': dOut } = inputs
        const { shape, x, y } = broadcast(type, X.shape, Y.shape, axisOf(given))
        const at: Operands = {
          get x() {
            return expand(X.data, x, shape)
          },
          get y() {
            return expand(Y.data, y, shape)
          },
          out: Out?.data ?? dOut.data,
          dout: dOut.data,
        }
        const store = (slope: ElementwiseFormula['dx'], small: readonly number[], target: KernelTensor): void => {
          if (slope === undefined) {
            reduceTo(dOut.data, shape, small, target.data)
          } else if (target.data.length === dOut.data.length) {
            slope(at, target.data)
          } else {
            const full = new Float64Array(dOut.data.length)
            slope(at, full)
            reduceTo(full, shape, small, target.data)
          }
        }
        // Y first: X@GRAD may lie in the memory of Out@GRAD.
        if (outputs['Y@GRAD'] !== undefined) store(dy, y, outputs['Y@GRAD'])
        if (outputs['X@GRAD'] !== undefined) store(dx, x, outputs['X@GRAD'])
      },
    },
  })
  const def = defineOp({
    type,
    doc: formula.doc,
    source,
    ...(formula.differs === undefined ? {} : { differs: formula.differs }),
    inputs: {
      X: one('Any shape.', dtypes),
      Y: one('Element type of X and a shape that broadcasts with that of X.', dtypes),
    },
    outputs: { Out: one('The common shape, element type of X.') },
    attrs,
    inferMeta({ X, Y }, given) {
      requireSameDType(type, { X, Y })
      return { Out: { ...X, shape: broadcast(type, X.shape, Y.shape, axisOf(given)).shape } }
    },
    grad:
      formula.grad ??
      (({ inputs, outputs, outputGrads, inputGrads }): OpDesc[] => [
        describeOp(gradDef, {
          inputs: {
            X: inputs.X,
            Y: inputs.Y,
            ...((readsOut ? { Out: outputs.Out } : {}) as { readonly Out: string }),
            'Out@GRAD': outputGrads.Out,
          },
          outputs: { 'X@GRAD': inputGrads.X, 'Y@GRAD': inputGrads.Y },
          attrs: 'copied',
        }),
      ]),
    inplace: { Out: 'X' },
    kernels: {
      cpu({ X, Y }, given, { Out }) {
        if (divides && !isFloating(X.dtype)) refuseZeros(type, Y.data)
        const { shape, x, y } = broadcast(type, X.shape, Y.shape, axisOf(given))
        forward(expand(X.data, x, shape), expand(Y.data, y, shape), Out.data)
      },
      int64({ X, Y }, given, { Out }) {
        if (divides) refuseZeros(type, Y.data)
        const { shape, x, y } = broadcast(type, X.shape, Y.shape, axisOf(given))
        const long = (operand: typeof X): BigInt64Array => operand.data as BigInt64Array
        int64(expand(long(X), x, shape), expand(long(Y), y, shape), long(Out))
      },
      ...(selectedRows === undefined ? {} : { selectedRows }),
    },
  })
  return [def, gradDef]
}

/** @throws InvalidArgumentError E224 if a divisor is zero. */
function refuseZeros(type: string, divisors: NumberArray | BigInt64Array): void {
  for (let i = 0; i < divisors.length; i++) {
    if (Number(divisors[i]) !== 0) continue
    throw new InvalidArgumentError('E224', `${type}: integer division by zero: element ${i} of Y is 0`, {
      where: { slot: 'Y' },
      got: 0,
    })
  }
}

export const [elementwiseAdd, elementwiseAddGrad] = elementwise('elementwise_add', {
  doc: 'X + Y.',
  dtypes: [...NUMBERS, 'int16'],
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! + y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! + y[i]!
  },
})

export const [elementwiseSub, elementwiseSubGrad] = elementwise('elementwise_sub', {
  doc: 'X - Y.',
  dtypes: [...NUMBERS, 'int16'],
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! - y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! - y[i]!
  },
  dy({ dout }, dy) {
    for (let i = 0; i < dy.length; i++) dy[i] = -dout[i]!
  },
})

export const [elementwiseMul, elementwiseMulGrad] = elementwise('elementwise_mul', {
  doc: 'X * Y; of bools, X and Y. X may be selected rows if Y has one element.',
  dtypes: [...NUMBERS, 'bool'],
  forward(x, y, out) {
    // A product of two int32 has more digits than float64 holds.
    if (out instanceof Int32Array) for (let i = 0; i < out.length; i++) out[i] = Math.imul(x[i]!, y[i]!)
    else for (let i = 0; i < out.length; i++) out[i] = x[i]! * y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! * y[i]!
  },
  dx({ y, dout }, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * y[i]!
  },
  dy({ x, dout }, dy) {
    for (let i = 0; i < dy.length; i++) dy[i] = dout[i]! * x[i]!
  },
  selectedRows(ctx) {
    const x = rowsIn(ctx, 'X')
    const y = ctx.get(ctx.inputNames('Y')[0]!)
    if (!(y instanceof Tensor) || product(y.shape) !== 1) {
      throw new InvalidArgumentError(
        'E203',
        'elementwise_mul: with selected rows X, Y must be a tensor of one element',
        {
          where: { slot: 'Y' },
          got: y instanceof Tensor ? formatShape(y.shape) : undefined,
        },
      )
    }
    const factor = Number(y.at(0))
    const out = x.value.clone()
    const data = numbersOf('elementwise_mul', out)
    for (let i = 0; i < data.length; i++) data[i] = data[i]! * factor
    ctx.set(ctx.outputNames('Out')[0]!, new SelectedRows(x.rows, x.height, out))
  },
})

export const [elementwiseDiv, elementwiseDivGrad] = elementwise('elementwise_div', {
  doc: 'X / Y. Quotients of whole numbers are cut towards zero; dividing a whole number by zero is an InvalidArgumentError.',
  dtypes: [...NUMBERS, 'bool', 'int8', 'uint8', 'int16'],
  divides: true,
  readsOut: true,
  forward(x, y, out) {
    // Storing into an array of integers cuts towards zero. float64 is exact enough for quotients of int32.
    for (let i = 0; i < out.length; i++) out[i] = x[i]! / y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! / y[i]!
  },
  dx({ y, dout }, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! / y[i]!
  },
  dy({ y, out, dout }, dy) {
    for (let i = 0; i < dy.length; i++) dy[i] = (-dout[i]! * out[i]!) / y[i]!
  },
})

export const [elementwiseMax, elementwiseMaxGrad] = elementwise('elementwise_max', {
  doc: 'The larger of X and Y, and Y where they are equal or either is NaN; the gradient of ties goes to Y.',
  differs: 'The gradient also works where Y is aligned by `axis` before the last dimensions of X.',
  dtypes: NUMBERS,
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! > y[i]! ? x[i]! : y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! > y[i]! ? x[i]! : y[i]!
  },
  dx({ x, y, dout }, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i]! > y[i]! ? dout[i]! : 0
  },
  dy({ x, y, dout }, dy) {
    for (let i = 0; i < dy.length; i++) dy[i] = x[i]! <= y[i]! ? dout[i]! : 0
  },
})

export const [elementwiseMin, elementwiseMinGrad] = elementwise('elementwise_min', {
  doc: 'The smaller of X and Y, and Y where they are equal or either is NaN; the gradient of ties goes to Y.',
  differs: 'The gradient also works where Y is aligned by `axis` before the last dimensions of X.',
  dtypes: NUMBERS,
  forward(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! < y[i]! ? x[i]! : y[i]!
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = x[i]! < y[i]! ? x[i]! : y[i]!
  },
  dx({ x, y, dout }, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = x[i]! < y[i]! ? dout[i]! : 0
  },
  dy({ x, y, dout }, dy) {
    for (let i = 0; i < dy.length; i++) dy[i] = x[i]! >= y[i]! ? dout[i]! : 0
  },
})

export const [elementwisePow, elementwisePowGrad] = elementwise('elementwise_pow', {
  doc: 'X to the power of Y; dX = dOut * Y * X^(Y - 1), dY = dOut * log(X) * X^Y.',
  differs:
    'Powers of whole numbers are exact and wrap around (Paddle goes through float64); 0 to a negative power is an InvalidArgumentError there. The gradient also works where Y is aligned by `axis` before the last dimensions of X.',
  dtypes: NUMBERS,
  forward(x, y, out) {
    if (out instanceof Int32Array) {
      for (let i = 0; i < out.length; i++) {
        out[i] = Number(BigInt.asIntN(32, bigPower('elementwise_pow', BigInt(x[i]!), BigInt(y[i]!))))
      }
    } else for (let i = 0; i < out.length; i++) out[i] = power(x[i]!, y[i]!)
  },
  int64(x, y, out) {
    for (let i = 0; i < out.length; i++) out[i] = bigPower('elementwise_pow', x[i]!, y[i]!)
  },
  dx({ x, y, dout }, dx) {
    for (let i = 0; i < dx.length; i++) dx[i] = dout[i]! * y[i]! * power(x[i]!, y[i]! - 1)
  },
  dy({ x, y, dout }, dy) {
    for (let i = 0; i < dy.length; i++) dy[i] = dout[i]! * Math.log(x[i]!) * power(x[i]!, y[i]!)
  },
})
