/** Which tensors an optimizer updates. */
import type { PlannedTensor } from '../../executor/backend.ts'
import type { OpReader } from './op_reader.ts'

/** The parameter that is updated, and the outputs that get it: with a master weight that, and ParamOut is it rounded. */
export function parameterOf(
  op: OpReader,
  masterBySlot = false,
): { readonly param: PlannedTensor; readonly targets: readonly PlannedTensor[] } | undefined {
  const master = masterBySlot || op.attr<boolean>('multi_precision') ? op.input('MasterParam') : undefined
  const param = master ?? op.input('Param')
  const out = op.output('ParamOut')
  const masterOut = master === undefined ? undefined : op.output('MasterParamOut')
  if (param === undefined || out === undefined) return undefined
  return { param, targets: masterOut === undefined ? [out] : [out, masterOut] }
}
