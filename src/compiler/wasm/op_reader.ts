/** An operator as lowerings read it: tensors and attributes by name, and operands laid out over a space. */
import type { PlannedOp, PlannedSlots, PlannedTensor } from '../../executor/backend.ts'
import type { AttrValue } from '../../framework/attr_value.ts'
import { broadcast, numel, type Shape } from '../../tensor/shape.ts'
import { type Formula, read } from './expression.ts'
import { fullStrides } from './loop.ts'

export class OpReader {
  readonly type: string
  readonly #op: PlannedOp

  constructor(op: PlannedOp) {
    this.type = op.def.type
    this.#op = op
  }

  /** The only tensor of an input slot. */
  input(slot: string): PlannedTensor | undefined {
    return this.#op.inputs[slot]?.[0]
  }

  inputs(slot: string): readonly (PlannedTensor | undefined)[] {
    return this.#op.inputs[slot] ?? []
  }

  output(slot: string): PlannedTensor | undefined {
    return this.#op.outputs[slot]?.[0]
  }

  outputs(slot: string): readonly (PlannedTensor | undefined)[] {
    return this.#op.outputs[slot] ?? []
  }

  /** Of an operator that does the same for each tensor of its lists: the operator on those at `k`, with some attributes of its own. */
  part(k: number, attrs: Readonly<Record<string, AttrValue>>): OpReader {
    const at = (slots: PlannedSlots): PlannedSlots =>
      Object.fromEntries(
        Object.entries(slots).map(([slot, list]) => [
          slot,
          [list[k] ?? (slot === 'LearningRate' ? list[0] : undefined)],
        ]),
      )
    return this.replaced(at(this.#op.inputs), at(this.#op.outputs), attrs)
  }

  /** The operator with other tensors in some slots, and other attributes. */
  replaced(inputs: PlannedSlots, outputs: PlannedSlots, attrs: Readonly<Record<string, AttrValue>>): OpReader {
    const op = this.#op
    return new OpReader({
      ...op,
      attrs: { ...op.attrs, ...attrs },
      inputs: { ...op.inputs, ...inputs },
      outputs: { ...op.outputs, ...outputs },
    })
  }

  attr<T extends AttrValue>(name: string): T {
    return this.#op.attrs[name] as T
  }

  /** All attributes, for the functions of ops/ that read several. */
  get attrs(): Readonly<Record<string, AttrValue>> {
    return this.#op.attrs
  }

  /** True if all tensors of these slots, or of all slots, are float32 and have elements. */
  isFloat32(...slots: string[]): boolean {
    const wanted = (slot: string): boolean => slots.length === 0 || slots.includes(slot)
    for (const side of [this.#op.inputs, this.#op.outputs]) {
      for (const [slot, tensors] of Object.entries(side)) {
        if (!wanted(slot)) continue
        for (const tensor of tensors) {
          if (tensor !== undefined && (tensor.dtype !== 'float32' || numel(tensor.shape) === 0)) return false
        }
      }
    }
    return true
  }
}

/** A tensor read at its own index, over a space with as many elements. */
export const whole = (tensor: PlannedTensor, space: Shape = tensor.shape): Formula =>
  read({ tensor, strides: fullStrides(space) })

/** The one element of a tensor, at every index. */
export const scalar = (tensor: PlannedTensor, space: Shape): Formula =>
  read({ tensor, strides: new Array<number>(space.length).fill(0) })

/** X and Y read over their common shape, as Paddle broadcasts them. */
export function broadcastOperands(
  type: string,
  x: PlannedTensor,
  y: PlannedTensor,
  axis: number,
): { readonly space: Shape; readonly x: Formula; readonly y: Formula; readonly xShape: Shape; readonly yShape: Shape } {
  const { shape, x: xShape, y: yShape } = broadcast(type, x.shape, y.shape, axis)
  return { space: shape, x: spread(x, xShape), y: spread(y, yShape), xShape, yShape }
}

/** A tensor read with a shape whose dimensions are those of the space or 1. */
export const spread = (tensor: PlannedTensor, shape: Shape): Formula => read({ tensor, strides: fullStrides(shape) })
