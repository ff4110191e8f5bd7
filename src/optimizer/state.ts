/** Values that dygraph optimizers keep. */
import { allocate, type DType } from '../tensor/dtype.ts'
import { numel, type Shape } from '../tensor/shape.ts'
import { Tensor, writeElement } from '../tensor/tensor.ts'
import type { TensorEngine } from '../tensor/tensor_like.ts'

/** A tensor of equal elements. */
export function constantTensor(dtype: DType, shape: Shape, value: number, engine: TensorEngine | undefined): Tensor {
  const data = allocate(dtype, numel(shape))
  for (let i = 0; i < data.length; i++) writeElement(dtype, data, i, value)
  return new Tensor(dtype, shape, data, undefined, engine)
}
