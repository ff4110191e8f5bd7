/** Whether two tensors hold the same bits: -0 is not 0, and a NaN equals only itself. */
import type { Tensor } from './tensor.ts'

/** @param a, b tensors of any element types and shapes; without the same ones they are never equal. */
export function sameBits(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false
  const [x, y] = [bytesOf(a), bytesOf(b)]
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false
  return true
}

const bytesOf = ({ data }: Tensor): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
