/** Lowering of fc: one product of all rows, and at its end what follows. */
import { type FcAttrs, fcProduct } from '../../ops/nn/fc_shape.ts'
import { activations } from './activations.ts'
import { loop } from './elementwise.ts'
import * as e from './expression.ts'
import type { Lowering } from './lowerings.ts'
import { spread, whole } from './op_reader.ts'
import { productKernel } from './product.ts'

/** Bias and relu are a loop over the result, which joins the product. */
const fc: Lowering = (op) => {
  const [Input, W, Bias, Out] = [op.input('Input'), op.input('W'), op.input('Bias'), op.output('Out')]
  if (!op.isFloat32() || !Input || !W || !Out) return undefined
  const attrs = op.attrs as unknown as FcAttrs
  const { m, n, k, weightRow } = fcProduct(Input.shape, W.shape, attrs)
  const product = productKernel({
    shape: { batch: 1, m, n, k, a: { batch: 0, row: k, column: 1 }, b: { batch: 0, row: weightRow, column: 1 } },
    a: Input,
    b: W,
    result: Out,
    space: Out.shape,
    batchDims: 0,
    rowDims: attrs.in_num_col_dims,
  })
  const relu = attrs.activation_type === 'relu'
  if (Bias === undefined && !relu) return [product]
  const row = Out.shape.map((dim, d) => (d === Out.shape.length - 1 ? dim : 1))
  const sum = Bias === undefined ? whole(Out) : e.add(whole(Out), spread(Bias, row))
  const value = relu ? activations['relu']!.value(sum, (name) => op.attr(name)) : sum
  return [product, loop(Out.shape, { target: Out, value })]
}

export const fullyConnected: Readonly<Record<string, Lowering>> = { fc }
