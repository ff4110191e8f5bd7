/** The kernels of operators that move elements and never compute with them: bits are copied, whatever the element type. */
import type { KernelTensor } from '../../framework/op_def.ts'
import type { NumberArray } from '../../tensor/dtype.ts'

export type RawTensor = KernelTensor<NumberArray | BigInt64Array>

/** Copies all elements in order; both tensors have the same element type and count. */
export function copyElements(from: RawTensor, to: RawTensor | undefined): void {
  if (to !== undefined && to.data !== from.data) (to.data as Float32Array).set(from.data as Float32Array)
}
