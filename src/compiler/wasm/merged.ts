/** Lowerings of operators that update many parameters: that of one parameter's update, for each. */
import type { Lowering } from './lowerings.ts'

/**
 * @param single lowers the update of one parameter.
 * @param listed attributes that have an entry for each parameter, with what an entry that is missing means.
 */
export const merged =
  (single: Lowering, listed: Readonly<Record<string, string | number>> = {}): Lowering =>
  (op) => {
    const pieces = op.inputs('Param').map((_, k) => {
      const own = Object.entries(listed).map(([name, missing]) => [
        name,
        op.attr<string[] | number[]>(name)[k] ?? missing,
      ])
      return single(op.part(k, Object.fromEntries(own)))
    })
    return pieces.every((list) => list !== undefined) ? pieces.flat() : undefined
  }
