/** The table of the standard operators, by Paddle's operator type: one part for each folder. */
import type { Attrs, Filled, FilledAttrs, GivenAttrs, OpLibrary, Slots } from '../framework/op_def.ts'
import { ampOps } from './amp/table.ts'
import { controlFlowOps } from './control_flow/table.ts'
import { detectionOps } from './detection/table.ts'
import { linearOps } from './linear/table.ts'
import { lossOps } from './loss/table.ts'
import { mathOps } from './math/table.ts'
import { nnOps } from './nn/table.ts'
import { optimizerOps } from './optimizer/table.ts'
import { randomOps } from './random/table.ts'
import { reduceOps } from './reduce/table.ts'
import { tensorOps } from './tensor/table.ts'

export const ops = {
  ...ampOps,
  ...controlFlowOps,
  ...detectionOps,
  ...linearOps,
  ...lossOps,
  ...mathOps,
  ...nnOps,
  ...optimizerOps,
  ...randomOps,
  ...reduceOps,
  ...tensorOps,
} satisfies OpLibrary

export type OpType = keyof typeof ops

type SlotsOf<S> = S extends Slots ? S : never
type AttrsIn<A> = A extends Attrs ? A : never

/** Inputs of an operator as `V` per slot. */
export type InputsOf<T extends OpType, V> = Filled<SlotsOf<(typeof ops)[T]['inputs']>, V>
export type OutputsOf<T extends OpType, V> = Filled<SlotsOf<(typeof ops)[T]['outputs']>, V>
/** Attributes as a caller gives them. */
export type AttrsOf<T extends OpType> = GivenAttrs<AttrsIn<(typeof ops)[T]['attrs']>>
/** Attributes with defaults filled in. */
export type FilledAttrsOf<T extends OpType> = FilledAttrs<AttrsIn<(typeof ops)[T]['attrs']>>

export { flopsOf } from './flops.ts'
