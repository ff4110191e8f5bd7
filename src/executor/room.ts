/** How large the tensors of a run may be. */
import { ResourceExhaustedError } from '../errors.ts'
import type { CheckRoom } from '../framework/infer.ts'
import { LIMITS, type Limits } from '../framework/limits.ts'
import type { Meta } from '../framework/op_def.ts'
import { byteSize } from '../tensor/dtype.ts'
import { formatShape, hasUnknown, numel } from '../tensor/shape.ts'

/**
 * A tensor of a run must stay below the limits of elements and bytes. Selected rows are as large as their rows, which inference does not know.
 * @param what the tensor, as the subject of a sentence.
 * @throws ResourceExhaustedError E604, OutOfRangeError E213 beyond 2^31 - 1 elements.
 */
export function requireRoom(what: string, meta: Meta | undefined, limits: Limits = LIMITS): void {
  if (meta === undefined || meta.kind === 'SELECTED_ROWS' || hasUnknown(meta.shape)) return
  const count = numel(meta.shape)
  const bytes = count * byteSize(meta.dtype)
  if (count <= limits.tensorElements && bytes <= limits.tensorBytes) return
  const tooMany = count > limits.tensorElements
  const limit = tooMany ? 'tensorElements' : 'tensorBytes'
  throw new ResourceExhaustedError(
    'E604',
    `${what} of ${meta.dtype} ${formatShape(meta.shape)} would have ${tooMany ? `${count} elements` : `${bytes} bytes`}, beyond the limit ${limit} of ${limits[limit]}`,
    { expected: `at most ${limits[limit]}`, got: tooMany ? count : bytes },
  )
}

/** {@link requireRoom} within these limits, for inference. */
export const roomWithin =
  (limits: Limits = LIMITS): CheckRoom =>
  (what, meta) =>
    requireRoom(what, meta, limits)
