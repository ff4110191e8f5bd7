/** Operators of automatic mixed precision: gradients back to their scale with a check for infinities, and the course of the loss scale. */
import { attr } from '../../framework/attr.ts'
import { defineOp, many, one, optional } from '../../framework/op_def.ts'
import { FLOATS } from '../../tensor/dtype.ts'
import { requireEqualCounts, requireOneElement } from '../optimizer/checks.ts'

/** Out = X / Scale, computed as X * (1 / Scale); FoundInfinite is true if any X is infinite or NaN. */
export const checkFiniteAndUnscale = defineOp({
  type: 'check_finite_and_unscale',
  doc: 'Divides gradients by the loss scale and says whether any of them was infinite or NaN; from the first such tensor on they are multiplied by zero.',
  source: 'paddle/phi/kernels/cpu/amp_kernel.cc',
  inputs: { X: many('The gradients.', FLOATS), Scale: one('The loss scale, one element.') },
  outputs: { Out: many('The same variables as X.'), FoundInfinite: one('bool [1].') },
  attrs: {},
  inferMeta({ X, Scale }, _attrs, ctx) {
    requireEqualCounts('check_finite_and_unscale', { X: X.length, Out: ctx.wantedCount('Out') })
    requireOneElement('check_finite_and_unscale', 'Scale', Scale)
    return { Out: X, FoundInfinite: { dtype: 'bool', shape: [1] } }
  },
  grad: 'none',
  inplace: { Out: 'X' },
  kernels: {
    cpu({ X, Scale }, _attrs, { Out, FoundInfinite }) {
      const scale = Scale.data[0]!
      const inverse = X[0]?.data instanceof Float64Array ? 1 / scale : Math.fround(1 / scale)
      let found = false
      X.forEach(({ data }, k) => {
        const out = Out[k]!.data
        for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i]!)) found = true
        // As in Paddle, from the first tensor with an infinity on everything is multiplied by zero.
        const factor = found ? 0 : inverse
        for (let i = 0; i < data.length; i++) out[i] = data[i]! * factor
      })
      FoundInfinite.data[0] = found ? 1 : 0
    },
  },
})

/**
 * After incr_every_n_steps good steps in a row the scale grows by incr_ratio, unless it would become infinite; after
 * decr_every_n_nan_or_inf bad ones it shrinks by decr_ratio, but not below 1. On a bad step all gradients become zero.
 */
export const updateLossScaling = defineOp({
  type: 'update_loss_scaling',
  doc: 'Counts good and bad steps, moves the loss scale accordingly, and sets the gradients of a bad step to zero.',
  source: 'paddle/phi/kernels/cpu/amp_kernel.cc, paddle/phi/kernels/impl/amp_kernel_impl.h',
  inputs: {
    X: many('The gradients.', FLOATS),
    FoundInfinite: one('Whether the step is bad, one element.', ['bool']),
    PrevLossScaling: one('The scale, one element.'),
    InGoodSteps: one('Good steps in a row, int32 [1].', ['int32']),
    InBadSteps: one('Bad steps since the last change, int32 [1].', ['int32']),
    StopUpdate: optional('Takes the place of stop_update.', ['bool']),
  },
  outputs: {
    Out: many('The same variables as X.'),
    LossScaling: one('The same variable as PrevLossScaling.'),
    OutGoodSteps: one('The same variable as InGoodSteps.'),
    OutBadSteps: one('The same variable as InBadSteps.'),
  },
  attrs: {
    incr_every_n_steps: attr.int(),
    decr_every_n_nan_or_inf: attr.int(),
    incr_ratio: attr.float(undefined, { check: (ratio) => (ratio > 1 ? null : 'a number above 1') }),
    decr_ratio: attr.float(undefined, {
      check: (ratio) => (ratio > 0 && ratio < 1 ? null : 'a number between 0 and 1'),
    }),
    stop_update: attr.bool(false, {
      doc: 'Leaves scale and counts as they are; a bad step still sets the gradients to zero.',
    }),
  },
  inferMeta({ X, FoundInfinite, PrevLossScaling, InGoodSteps, InBadSteps }, _attrs, ctx) {
    requireEqualCounts('update_loss_scaling', { X: X.length, Out: ctx.wantedCount('Out') })
    requireOneElement('update_loss_scaling', 'FoundInfinite', FoundInfinite)
    requireOneElement('update_loss_scaling', 'PrevLossScaling', PrevLossScaling)
    requireOneElement('update_loss_scaling', 'InGoodSteps', InGoodSteps)
    requireOneElement('update_loss_scaling', 'InBadSteps', InBadSteps)
    return { Out: X, LossScaling: PrevLossScaling, OutGoodSteps: InGoodSteps, OutBadSteps: InBadSteps }
  },
  grad: 'none',
  inplace: { Out: 'X', LossScaling: 'PrevLossScaling', OutGoodSteps: 'InGoodSteps', OutBadSteps: 'InBadSteps' },
  effects: 'state',
  kernels: {
    cpu(inputs, attrs, { Out, LossScaling, OutGoodSteps, OutBadSteps }) {
      const { X, FoundInfinite, PrevLossScaling, InGoodSteps, InBadSteps, StopUpdate } = inputs
      const bad = FoundInfinite.data[0] !== 0
      X.forEach(({ data }, k) => {
        const out = Out[k]!.data
        if (bad) out.fill(0)
        else if (out !== data) out.set(data)
      })
      let scale = PrevLossScaling.data[0]!
      let good = InGoodSteps.data[0]!
      let failed = InBadSteps.data[0]!
      if (!(StopUpdate === undefined ? attrs.stop_update : StopUpdate.data[0] !== 0)) {
        const round = LossScaling.data instanceof Float64Array ? (x: number): number => x : Math.fround
        if (bad) {
          good = 0
          failed++
          if (failed === attrs.decr_every_n_nan_or_inf) {
            const next = round(scale * attrs.decr_ratio)
            scale = next < 1 ? 1 : next
            failed = 0
          }
        } else {
          failed = 0
          good++
          if (good === attrs.incr_every_n_steps) {
            const next = round(scale * attrs.incr_ratio)
            if (Number.isFinite(next)) scale = next
            good = 0
          }
        }
      }
      LossScaling.data[0] = scale
      OutGoodSteps.data[0] = good
      OutBadSteps.data[0] = failed
    },
  },
})
