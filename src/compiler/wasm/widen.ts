/**
 * Half precision for every operator that has a lowering in float32: its half inputs are widened into temporaries, its own pieces run on
 * those, and its half outputs are rounded once, as the kernel binding does around TypeScript kernels. Loops join, so that nothing of it is
 * stored where registers do.
 */
import type { PlannedOp, PlannedSlots, PlannedTensor } from '../../executor/backend.ts'
import { isHalf } from '../../tensor/dtype.ts'
import { numel } from '../../tensor/shape.ts'
import { fromFloat32, toFloat32 } from './conversions.ts'
import { loop } from './elementwise.ts'
import { type Piece, Temporary } from './ir.ts'
import type { Lowering } from './lowerings.ts'
import { OpReader, whole } from './op_reader.ts'

/** The pieces of an operator on half tensors; undefined if it has none, or its lowering declines float32. */
export function lowerWidened(op: PlannedOp, lowering: Lowering): readonly Piece[] | undefined {
  const wide = new Map<PlannedTensor, Temporary>()
  const widen = (slots: PlannedSlots): Record<string, (PlannedTensor | undefined)[]> =>
    Object.fromEntries(
      Object.entries(slots).map(([slot, tensors]) => [
        slot,
        tensors.map((tensor) => {
          if (tensor === undefined || !isHalf(tensor.dtype)) return tensor
          const known = wide.get(tensor) ?? new Temporary(tensor.shape)
          wide.set(tensor, known)
          return known
        }),
      ]),
    )
  const inputs = widen(op.inputs)
  const read = [...wide]
  const outputs = widen(op.outputs)
  if (wide.size === 0 || [...wide.keys()].some(({ shape }) => numel(shape) === 0)) return undefined
  const pieces = lowering(new OpReader({ ...op, inputs, outputs }))
  if (pieces === undefined) return undefined
  const written = [...wide].filter(([half]) =>
    Object.values(op.outputs).some((tensors) => tensors.some((tensor) => tensor === half)),
  )
  return [
    ...read.map(([half, value]) => loop(half.shape, { target: value, value: toFloat32(whole(half), half.dtype) })),
    ...pieces,
    ...written.map(([half, value]) => loop(half.shape, { target: half, value: fromFloat32(whole(value), half.dtype) })),
  ]
}
