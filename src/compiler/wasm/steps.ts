/**
 * Loops whose turns are cut into basic blocks. V8 reads ahead all that a basic block loads, and has fifteen vector registers to give: a block
 * that loads more than fits beside its sums is spilled. So each step of an unrolled loop ends its block with a way out.
 */
import type { FunctionBuilder, Local } from './function_builder.ts'
import { i32 } from './instructions.ts'

/**
 * Steps to a turn of a loop, whose own cost is paid once in them. V8 11.3 unrolls shorter turns once more, the further inside they stand; what comes
 * of it uses values in the opposite order to that of their loads, and a tile of a product becomes slower by 5 %.
 */
const STEPS = 8

/** Runs `step`, which moves `at` on, `count` times (at least once): until `at` is `end`. */
export function repeatUntil(
  f: FunctionBuilder,
  at: Local<'i32'>,
  end: Local<'i32'>,
  count: number,
  step: () => void,
): void {
  f.block((leave) => {
    f.repeat(() => {
      for (let i = 1; i < Math.min(STEPS, count); i++) {
        step()
        leave(i32.eq(at, end))
      }
      step()
      return i32.ne(at, end)
    })
  })
}
