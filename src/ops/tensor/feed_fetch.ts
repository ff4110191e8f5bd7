/** feed and fetch: the operators of saved programs that take values from a list and put results into one. */
import { PreconditionNotMetError, UnimplementedError } from '../../errors.ts'
import { attr } from '../../framework/attr.ts'
import { LIMITS } from '../../framework/limits.ts'
import { defineOp, type Meta, one, optional } from '../../framework/op_def.ts'
import { Tensor, TensorArray } from '../../tensor/tensor.ts'

const col = attr.int(undefined, {
  doc: 'Position in the list.',
  check: (value) => (value >= 0 && value < LIMITS.namesPerSlot ? null : `a position, 0 to ${LIMITS.namesPerSlot - 1}`),
})

export const feed = defineOp({
  type: 'feed',
  doc: 'Out is item `col` of the list X, which holds the values that a run was given.',
  source: 'paddle/fluid/operators/controlflow/feed_op.cc',
  // Optional because inference knows nothing of a feed list.
  inputs: { X: optional('The list of fed values.') },
  outputs: { Out: one('The value.') },
  attrs: { col },
  inferMeta: () => ({}) as { Out: Meta },
  grad: 'none',
  effects: 'io',
  feedHolder: ({ inputs, outputs, attrs }) => ({
    holder: inputs['X']?.[0] ?? '',
    target: outputs['Out']?.[0] ?? '',
    col: Number(attrs['col'] ?? 0),
  }),
  kernels: {
    scope(ctx) {
      const target = ctx.outputNames('Out')[0]!
      const list = ctx.get(ctx.inputNames('X')[0]!)
      const item = list instanceof TensorArray ? list.items[Number(ctx.attrs['col'])] : undefined
      if (item === undefined) {
        throw new PreconditionNotMetError('E103', `feed: the run was given no value for "${target}"`, {
          where: { opType: 'feed', variable: target },
          hint: `add it to the feeds: { feed: { "${target}": … } }`,
        })
      }
      ctx.set(target, item)
    },
  },
})

export const fetch = defineOp({
  type: 'fetch',
  doc: 'Puts a copy of X into the list Out at position `col`.',
  source: 'paddle/fluid/operators/controlflow/fetch_op.cc',
  differs: 'Only tensors can be put into the list.',
  inputs: { X: one('A tensor.') },
  outputs: { Out: one('The list of results.') },
  attrs: { col },
  inferMeta: () => ({}) as { Out: Meta },
  grad: 'none',
  effects: 'io',
  fetchHolder: ({ outputs }) => outputs['Out']?.[0] ?? '',
  kernels: {
    scope(ctx) {
      const source = ctx.inputNames('X')[0]!
      const value = ctx.get(source)
      if (value === undefined) {
        throw new PreconditionNotMetError('E103', `fetch: "${source}" has no value`, {
          where: { opType: 'fetch', slot: 'X', variable: source },
        })
      }
      if (!(value instanceof Tensor)) {
        throw new UnimplementedError('E403', `fetch: "${source}" is no dense tensor`, {
          where: { opType: 'fetch', slot: 'X', variable: source },
        })
      }
      const name = ctx.outputNames('Out')[0]!
      const list = ctx.get(name)
      const items = list instanceof TensorArray ? [...list.items] : []
      // A view of the heap would change with the variable.
      items[Number(ctx.attrs['col'])] = value.clone()
      ctx.set(name, new TensorArray(items))
    },
  },
})
