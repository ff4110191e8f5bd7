/** Running a block of the program under a condition: what `cond`, `case` and `Switch` of Paddle are made of. Forward only. */
import { InvalidArgumentError, PreconditionNotMetError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { defineOp, type Meta, many, one, type ScopeKernelContext } from '../../framework/op_def.ts'
import { Tensor } from '../../tensor/tensor.ts'

/**
 * The one truth value in a variable.
 * @throws PreconditionNotMetError E103 if it has no value, InvalidArgumentError E203 unless it is a bool tensor of one element.
 */
export function truthOf(ctx: ScopeKernelContext, slot: string): boolean {
  const name = ctx.inputNames(slot)[0]
  const value = name === undefined ? undefined : ctx.get(name)
  const where = { opType: ctx.opType, slot, ...(name === undefined ? {} : { variable: name }) }
  if (value === undefined) {
    throw new PreconditionNotMetError('E103', `${ctx.opType}: ${slot} ("${name ?? ''}") has no value`, { where })
  }
  if (!(value instanceof Tensor) || value.dtype !== 'bool' || value.size !== 1) {
    const got = value instanceof Tensor ? `${value.dtype} of ${value.size} elements` : 'no dense tensor'
    throw new InvalidArgumentError('E203', `${ctx.opType}: ${slot} must be one bool, got ${got}`, {
      where,
      expected: 'a bool tensor of one element',
      got,
    })
  }
  return value.at(0) === true
}

/** With several variables of a condition, or in its older form, the block runs if none of the inputs is empty. */
function allFilled(ctx: ScopeKernelContext): boolean {
  return ctx.inputNames('Input').every((name) => {
    const value = ctx.get(name)
    return !(value instanceof Tensor) || value.size > 0
  })
}

/**
 * Runs its sub-block, in a scope of its own, if Cond is true (is_scalar_condition) or if no Input is empty. What the block writes into
 * variables of the blocks around it stays; if it does not run, the outputs keep what they have.
 */
export const conditionalBlock = defineOp({
  type: 'conditional_block',
  doc: 'Runs the sub-block if Cond is true; variables of the blocks around it that the sub-block writes are its outputs.',
  source: 'paddle/fluid/operators/controlflow/conditional_block_op.cc',
  differs: 'It has no gradient yet, and keeps no scope of the block for one.',
  inputs: {
    Cond: many('With is_scalar_condition one bool.'),
    Input: many('What the sub-block reads from outside.'),
  },
  outputs: {
    Out: many('What the sub-block writes outside of itself.'),
    Scope: one('Paddle keeps the scope of the block there.'),
  },
  attrs: {
    sub_block: attr.block(undefined, { doc: 'The block to run.' }),
    is_scalar_condition: attr.bool(false, { doc: 'Cond decides; otherwise whether any Input is empty.' }),
    skip_eager_deletion_vars: attr.strings([], { doc: 'A hint to the memory management of Paddle.', extra: true }),
  },
  inferMeta: () => ({}) as { Out: Meta[]; Scope: Meta },
  grad: 'unregistered',
  kernels: {
    scope(ctx) {
      const runs = ctx.attrs['is_scalar_condition'] === true ? truthOf(ctx, 'Cond') : allFilled(ctx)
      if (runs) ctx.runBlock(Number(ctx.attrs['sub_block']))
    },
  },
})
