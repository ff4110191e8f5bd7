/** Lowerings of operators that update many parameters: that of one parameter's update, for each. */
import type { AttrValue } from '../../framework/attr.ts'
import type { Lowering } from './lowerings.ts'

/**
 * @param single lowers the update of one parameter.
 * @param listed attributes that have an entry for each parameter, with what an entry that is missing means.
 */
export const merged =
  (single: Lowering, listed: Readonly<Record<string, AttrValue>> = {}): Lowering =>
  (op) => {
    const pieces = op.inputs('Param').map((_, k) => {
      const own = Object.entries(listed).map(([name, missing]) => [name, op.attr<AttrValue[]>(name)[k] ?? missing])
      return single(op.part(k, Object.fromEntries(own) as Readonly<Record<string, AttrValue>>))
    })
    return pieces.every((list) => list !== undefined) ? pieces.flat() : undefined
  }
