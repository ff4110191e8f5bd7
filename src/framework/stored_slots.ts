/**
 * Slots of operators that come from a file. What stands in a file may be older than Paddle 2.6.2, whose definitions are followed here:
 * - An empty slot that the definition does not have is none: files of older versions carry such slots (`Bias` of conv2d).
 * - A slot with variables that the definition does not have is kept without effect, as in Paddle, where the program says that an older
 *   version wrote it, and refused elsewhere: in a program of this version, or one made by hand, it is a mistake.
 * - `Bias` and `ResidualData` of convolutions, filled by passes for other back ends, change the result and are refused everywhere.
 */
import { checkSlots } from './infer.ts'
import type { AnyOpDef } from './op_def.ts'
import type { Operator, SlotNames } from './operator.ts'
import type { Program } from './program.ts'

/** Version numbers from here on are those of definitions that are followed here: 2.6.0. */
const FOLLOWED_VERSION = 2_006_000

const CONVOLUTION = /^(conv|depthwise_conv)[23]d(_transpose)?$/
const changesResult = (opType: string, slot: string): boolean =>
  (slot === 'Bias' || slot === 'ResidualData') && CONVOLUTION.test(opType)

/** True for a program whose ProgramDesc was written before 2.6, or says nothing of the version, as those of training programs did. */
function isOlder(program: Program): boolean {
  return program.version === 0 ? program.wire !== undefined : program.version < FOLLOWED_VERSION
}

export interface SlotWithoutEffect {
  readonly side: 'input' | 'output'
  readonly slot: string
}

/**
 * Checks the slots of an operator of a stored program; returns those with variables that have no effect.
 * @throws NotFoundError E205, InvalidArgumentError E206, as {@link checkSlots}.
 */
export function checkStoredSlots(program: Program, def: AnyOpDef, op: Operator): readonly SlotWithoutEffect[] {
  const without: SlotWithoutEffect[] = []
  const older = isOlder(program)
  const kept = (side: 'input' | 'output', given: SlotNames, declared: Readonly<Record<string, unknown>>): SlotNames => {
    const dropped = (slot: string): boolean => {
      if (Object.hasOwn(declared, slot)) return false
      if (given[slot]!.length === 0) return true
      if (!older || changesResult(op.type, slot)) return false
      without.push({ side, slot })
      return true
    }
    const names = Object.keys(given)
    const rest = names.filter((slot) => !dropped(slot))
    return rest.length === names.length ? given : Object.fromEntries(rest.map((slot) => [slot, given[slot]!]))
  }
  checkSlots(def, {
    type: op.type,
    inputs: kept('input', op.inputs, def.inputs),
    outputs: kept('output', op.outputs, def.outputs),
  })
  return without
}
