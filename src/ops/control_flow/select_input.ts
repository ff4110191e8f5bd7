/** Joining the branches of a condition: of several variables, the one that a number names. Forward only. */
import { InvalidArgumentError, PreconditionNotMetError } from '../../errors.ts'
import { defineOp, type Meta, many, one } from '../../framework/op_def.ts'
import { Tensor } from '../../tensor/tensor.ts'

/** Out = X[Mask]. */
export const selectInput = defineOp({
  type: 'select_input',
  doc: 'A copy of the variable of X at position Mask; the others need no value.',
  source: 'paddle/fluid/operators/controlflow/select_input_op.cc',
  differs: 'It has no gradient yet.',
  inputs: { X: many('The variables to choose from.'), Mask: one('A position in X: one whole number.') },
  outputs: { Out: one('The variable chosen.') },
  attrs: {},
  inferMeta: () => ({}) as { Out: Meta },
  grad: 'unregistered',
  kernels: {
    scope(ctx) {
      const names = ctx.inputNames('X')
      const mask = ctx.get(ctx.inputNames('Mask')[0]!)
      const position = mask instanceof Tensor && mask.size === 1 ? Number(mask.at(0)) : Number.NaN
      const chosen = names[position]
      if (chosen === undefined) {
        const got = Number.isNaN(position) ? 'no single number' : position
        throw new InvalidArgumentError('E203', `select_input: Mask must be a position in X, got ${got}`, {
          where: { opType: 'select_input', slot: 'Mask' },
          expected: `0 to ${names.length - 1}`,
          got,
        })
      }
      const value = ctx.get(chosen)
      if (value === undefined) {
        throw new PreconditionNotMetError('E103', `select_input: X[${position}] ("${chosen}") has no value`, {
          where: { opType: 'select_input', slot: 'X', variable: chosen },
        })
      }
      // A view of the heap may move when the output is made.
      ctx.set(ctx.outputNames('Out')[0]!, value instanceof Tensor ? value.clone() : value)
    },
  },
})
