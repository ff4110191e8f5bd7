/** Takes out conversions that lead back to where they came from. */
import { ops } from '../../ops/index.ts'
import { type DType, isHalf } from '../../tensor/dtype.ts'
import type { Pass } from './pass.ts'
import { Rewriter } from './rewriter.ts'

/**
 * Element types that hold every value of the first one and are of the same kind: nothing is lost on the way there, and nothing is read
 * differently. From float64 a half type gets all NaNs as one, so the way from another type over float64 to a half counts as lossy.
 */
const HOLDS: Partial<Record<DType, readonly DType[]>> = {
  float16: ['float32'],
  bfloat16: ['float32'],
  float32: ['float64'],
  bool: ['int8', 'uint8', 'int16', 'int32', 'int64'],
  int8: ['int16', 'int32', 'int64'],
  uint8: ['int16', 'int32', 'int64'],
  int16: ['int32', 'int64'],
  int32: ['int64'],
}

/**
 * cast(cast(x, wide), narrow), where `wide` holds every value of x, is cast(x, narrow), and x itself if that is its type; so is a cast to the
 * type that x has. float16 to float32 and back goes, float32 to float16 and back stays: it rounds. (A signalling NaN, which no operator
 * makes, is quiet after two casts and stays as it is without them.)
 */
export const cancelCasts: Pass = {
  name: 'cancel_casts',
  doc: 'Takes out casts to the type that is there already, and pairs of casts by way of a type that loses nothing.',
  changesBits: false,
  run(program, context) {
    const rewriter = new Rewriter(program, context)
    const { vars } = program.globalBlock()
    for (const op of rewriter.ops) {
      if (!rewriter.is(op, ops.cast)) continue
      const out = op.outputs['Out']![0]!
      const to = op.attrs['out_dtype'] as DType
      let x = rewriter.nameOf(op.inputs['X']![0]!)
      let inner = rewriter.producer(x)
      while (rewriter.is(inner, ops.cast) && rewriter.isStable(x)) {
        const before = rewriter.nameOf(inner.inputs['X']![0]!)
        const from = vars.get(before)?.dtype
        const by = vars.get(x)!.dtype
        const holds = from !== undefined && (from === by || HOLDS[from]?.includes(by) === true)
        const loses = !holds || (by === 'float64' && isHalf(to))
        if (loses || !rewriter.isStable(before)) break
        x = before
        inner = rewriter.producer(x)
      }
      const moved = x !== rewriter.nameOf(op.inputs['X']![0]!)
      const last = rewriter.producer(rewriter.nameOf(op.inputs['X']![0]!))
      if (vars.get(x)?.dtype === to && rewriter.isStable(x) && rewriter.isFree(out)) {
        rewriter.replaceUses(out, x)
        rewriter.removeIfUnused(op)
      } else if (moved) {
        const attrs = { in_dtype: vars.get(x)!.dtype, out_dtype: to }
        rewriter.replace(op, rewriter.operator({ def: ops.cast, inputs: { X: [x] }, outputs: op.outputs, attrs }, op))
      } else continue
      rewriter.removeIfUnused(last)
    }
    return rewriter.finish()
  },
}
