/** Makes one operator of many that update parameters in the same way. */
import type { AnyOpDef } from '../../framework/op_def.ts'
import { OP_ROLE_VAR } from '../../framework/op_role.ts'
import { Operator } from '../../framework/operator.ts'
import { ops } from '../../ops/index.ts'
import type { Pass } from './pass.ts'
import { Rewriter } from './rewriter.ts'

/** How an update of one parameter is part of one of many. */
interface Merging {
  readonly single: { readonly type: string }
  readonly merged: AnyOpDef
  /** Attributes that must be equal. */
  readonly shared: readonly string[]
  /** Attributes that the merged operator has as lists, one entry for each parameter. */
  readonly listed: readonly string[]
}

const MERGINGS: readonly Merging[] = [
  {
    single: ops.adam,
    merged: ops.merged_adam,
    shared: ['beta1', 'beta2', 'epsilon', 'multi_precision', 'use_global_beta_pow'],
    listed: [],
  },
  {
    single: ops.momentum,
    merged: ops.merged_momentum,
    shared: ['mu', 'use_nesterov', 'multi_precision', 'rescale_grad'],
    listed: ['regularization_method', 'regularization_coeff'],
  },
]

interface Group {
  readonly merging: Merging
  readonly members: Operator[]
  readonly reads: Set<string>
  readonly writes: Set<string>
}

/** Kinds of update that are gathered side by side: each operator is compared with all of them. */
const MOST_GROUPS = 8

/**
 * Updates with the same attributes, element type and slots become one merged_adam or merged_momentum in the place of the last of them, as
 * Paddle's use_multi_tensor has it. Each moves down over the operators between: one that writes what an update reads, or touches what it
 * writes, ends its group. Gradients must be dense.
 */
export const mergeUpdates: Pass = {
  name: 'merge_updates',
  doc: 'Makes one merged_adam or merged_momentum of the adam or momentum operators of many parameters.',
  changesBits: false,
  run(program, context) {
    const rewriter = new Rewriter(program, context)
    const open = new Map<string, Group>()
    const close = (key: string): void => {
      merge(open.get(key)!, rewriter)
      open.delete(key)
    }
    for (const op of rewriter.ops) {
      const merging = MERGINGS.find(({ single }) => rewriter.is(op, single))
      const key = merging === undefined ? undefined : keyOf(op, merging, rewriter)
      const [reads, writes] = [op.inputNames(), op.outputNames()]
      const ownGroup = key === undefined ? undefined : open.get(key)
      for (const [other, group] of [...open]) {
        const disturbs =
          reads.some((name) => group.writes.has(name)) ||
          writes.some((name) => group.reads.has(name) || group.writes.has(name))
        if (disturbs) close(other)
      }
      if (key === undefined) continue
      const group = ownGroup !== undefined && open.has(key) ? ownGroup : newGroup(merging!)
      group.members.push(op)
      for (const name of reads) group.reads.add(name)
      for (const name of writes) group.writes.add(name)
      open.set(key, group)
      if (open.size > MOST_GROUPS) close(open.keys().next().value!)
    }
    for (const key of [...open.keys()]) close(key)
    return rewriter.finish()
  },
}

const newGroup = (merging: Merging): Group => ({ merging, members: [], reads: new Set(), writes: new Set() })

/** Equal for updates that may be merged; undefined for one that may not. */
function keyOf(op: Operator, { single, merged, shared }: Merging, rewriter: Rewriter): string | undefined {
  const { vars } = rewriter.program.globalBlock()
  const attrs = op.filledAttrs(single as unknown as AnyOpDef)
  const types: string[] = []
  for (const [slots, declared] of [
    [op.inputs, merged.inputs],
    [op.outputs, merged.outputs],
  ] as const) {
    for (const slot of Object.keys(slots).sort()) {
      const names = slots[slot]!
      if (names.length === 0) continue
      const variable = vars.get(names[0]!)
      if (!Object.hasOwn(declared, slot) || names.length > 1 || variable?.type !== 'LOD_TENSOR') return undefined
      types.push(`${slot} ${variable.dtype}`)
    }
  }
  // An update that is not in place keeps the old values, which the merged operator would have to as well: leave it alone.
  for (const [slot, names] of Object.entries(op.outputs)) {
    if (names.length > 0 && names[0] !== op.inputs[slot.replace(/Out$/, '')]?.[0]) return undefined
  }
  return JSON.stringify([op.type, op.role, types, shared.map((name) => attrs[name])])
}

function merge({ merging, members }: Group, rewriter: Rewriter): void {
  if (members.length < 2) return
  const { single, merged, shared, listed } = merging
  const last = members[members.length - 1]!
  const attrsOf = (op: Operator): Readonly<Record<string, unknown>> => op.filledAttrs(single as unknown as AnyOpDef)
  const gather = (side: 'inputs' | 'outputs'): [slot: string, names: string[]][] =>
    Object.keys(merged[side]).map((slot) => [slot, members.flatMap((op) => op[side][slot] ?? [])])
  const made = rewriter.operator(
    {
      def: merged,
      inputs: Object.fromEntries(gather('inputs')),
      outputs: Object.fromEntries(gather('outputs').filter(([, names]) => names.length > 0)),
      attrs: Object.fromEntries([
        ...shared.map((name) => [name, attrsOf(last)[name]]),
        ...listed.map((name) => [name, members.map((op) => attrsOf(op)[name])]),
      ]),
    },
    last,
  )
  const roleVars = members.flatMap((op) => op.roleVars)
  const parts = made.parts()
  if (roleVars.length > 0) parts.attrs[OP_ROLE_VAR] = roleVars
  for (const op of members) rewriter.replace(op, ...(op === last ? [new Operator(parts)] : []))
}
