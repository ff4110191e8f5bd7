/** One operator by the back end, for the interpreter: the same kernels as in a plan, compiled for it alone. */
import type { Heap } from '../tensor/heap.ts'
import { hasUnknown } from '../tensor/shape.ts'
import type { Backend, PlannedOp, PlannedTensor, UnitScratch } from './backend.ts'
import { TensorSlot } from './scope.ts'

/**
 * Runs the operator once when called, and gives false where its TypeScript kernel must run instead; undefined where the back end does not
 * compile it. Its tensors are slots of the heap.
 */
export function compileOperator(backend: Backend, op: PlannedOp, heap: Heap): (() => boolean) | undefined {
  const tensors = [...Object.values(op.inputs), ...Object.values(op.outputs)].flat()
  const isSlot = (tensor: PlannedTensor | undefined): boolean => tensor === undefined || tensor instanceof TensorSlot
  if (!tensors.every((tensor) => isSlot(tensor) && !(tensor !== undefined && hasUnknown(tensor.shape))))
    return undefined
  const memories = new Map<number, object>()
  for (const tensor of tensors) if (tensor instanceof TensorSlot) memories.set(tensor.address, tensor)
  const { units, link } = backend.compile([op], {
    isReadAfter: () => true,
    memoryOf: (tensor) => (tensor instanceof TensorSlot ? memories.get(tensor.address)! : tensor),
  })
  const unit = units[0]!
  if (!unit.compiled) return undefined
  return () => {
    const blocks: { readonly address: number; readonly bytes: number }[] = []
    const allocate = (bytes: number): number => {
      const address = heap.allocate(bytes)
      blocks.push({ address, bytes })
      return address
    }
    try {
      const scratch = new Map<UnitScratch, number>(unit.scratch.map((item) => [item, allocate(item.bytes)]))
      const addressOf = (tensor: PlannedTensor | UnitScratch): number =>
        tensor instanceof TensorSlot ? tensor.address : scratch.get(tensor as UnitScratch)!
      const run = link(heap.memory, addressOf, allocate).runs[0]
      return typeof run !== 'function' || run()
    } finally {
      for (const { address, bytes } of blocks) heap.release(address, bytes)
    }
  }
}
