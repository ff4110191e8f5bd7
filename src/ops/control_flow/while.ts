/** The loop: a block that runs as long as a condition holds. Forward only. */
import { attr } from '../../framework/attr.ts'
import { defineOp, type Meta, many, one } from '../../framework/op_def.ts'
import { truthOf } from './conditional_block.ts'

/** While Condition is true: runs the sub-block, each time in a new scope; the sub-block sets Condition anew. */
export const whileOp = defineOp({
  type: 'while',
  doc: 'Runs the sub-block again and again while Condition is true; the sub-block must write Condition.',
  source: 'paddle/fluid/operators/controlflow/while_op.cc',
  differs:
    'It has no gradient yet, and keeps no scopes of its steps for one. The number of steps is bounded by a limit.',
  inputs: {
    X: many('What the sub-block reads from outside.'),
    Condition: many('One bool.'),
  },
  outputs: {
    Out: many('What the sub-block writes outside of itself.'),
    StepScopes: one('Paddle keeps the scopes of the steps there.'),
  },
  attrs: {
    sub_block: attr.block(undefined, { doc: 'The block to run.' }),
    is_test: attr.bool(false, { doc: 'Without effect here: Paddle keeps the scopes of the steps unless it is true.' }),
    skip_eager_deletion_vars: attr.strings([], { doc: 'A hint to the memory management of Paddle.', extra: true }),
  },
  inferMeta: () => ({}) as { Out: Meta[]; StepScopes: Meta },
  grad: 'unregistered',
  kernels: {
    scope(ctx) {
      while (truthOf(ctx, 'Condition')) ctx.runBlock(Number(ctx.attrs['sub_block']))
    },
  },
})
