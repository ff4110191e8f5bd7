/** Shapes and numbers that operators take as input tensors: read where the value is known, -1 where only the run knows it. */
import { InvalidArgumentError } from '../../errors.ts'
import type { InferContext, Meta } from '../../framework/op_def.ts'
import { formatShape, type Shape } from '../../tensor/shape.ts'

/** The elements of a 1-D integer tensor in `slot`; as many -1 as it has elements while they are unknown. */
export function shapeInput(ctx: InferContext, slot: string, meta: Meta): number[] {
  const value = ctx.constant(slot)
  if (value !== undefined) return Array.from({ length: value.size }, (_, i) => Number(value.at(i)))
  return new Array<number>(Math.max(meta.shape[0] ?? 1, 1)).fill(-1)
}

/** One dimension per tensor of the list in `slot`, -1 where it is unknown. */
export function shapeListInput(ctx: InferContext, slot: string, metas: readonly Meta[]): number[] {
  return metas.map((_, i) => numberInput(ctx, slot, i) ?? -1)
}

/** The first element of the tensor in `slot`; undefined while it is unknown. @throws InvalidArgumentError E203 if it has none. */
export function numberInput(ctx: InferContext, slot: string, index = 0): number | undefined {
  const value = ctx.constant(slot, index)
  if (value?.size === 0) {
    throw new InvalidArgumentError('E203', `${ctx.opType}: ${slot} must have one element, got none`, {
      where: { opType: ctx.opType, slot },
      expected: 1,
      got: value.shape,
    })
  }
  return value === undefined ? undefined : Number(value.at(0))
}

/** @throws InvalidArgumentError E201 for a negative dimension of a shape that is known. */
export function requireDims(opType: string, shape: Shape, name = 'shape'): void {
  if (shape.every((dim) => dim >= 0)) return
  throw new InvalidArgumentError(
    'E201',
    `${opType}: ${name} must have no negative dimension, got ${formatShape(shape)}`,
    {
      expected: 'dimensions of 0 or more',
      got: shape,
    },
  )
}
