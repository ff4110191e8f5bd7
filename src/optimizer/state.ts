/** Values that optimizers keep beside parameters. */
import { allocate, type DType, isHalf } from '../tensor/dtype.ts'
import { numel, type Shape } from '../tensor/shape.ts'
import { Tensor, writeElement } from '../tensor/tensor.ts'
import type { TensorEngine } from '../tensor/tensor_like.ts'

/** The element type of accumulators that are too small or too large for a half type: float32 beside half parameters. */
export const wideType = ({ dtype }: { readonly dtype: DType }): DType => (isHalf(dtype) ? 'float32' : dtype)

/** A tensor of equal elements. */
export function constantTensor(dtype: DType, shape: Shape, value: number, engine: TensorEngine | undefined): Tensor {
  const data = allocate(dtype, numel(shape))
  for (let i = 0; i < data.length; i++) writeElement(dtype, data, i, value)
  return new Tensor(dtype, shape, data, undefined, engine)
}
